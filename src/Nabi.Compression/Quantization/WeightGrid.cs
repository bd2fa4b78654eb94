using Nabi.Ops;

namespace Nabi.Compression.Quantization;

/// <summary>Scales, and zero points where there are some, of one weight: every number is about scale (q - zero point).</summary>
/// <param name="Format">Which integers.</param>
/// <param name="Axis">Axis of the scales; with blocks the axis they lie along.</param>
/// <param name="Block">Elements along the axis that share a scale; 0 for one scale per index, or one in all.</param>
/// <param name="Scales">A vector along the axis, one number, or with blocks a tensor shaped like the weight with fewer elements along the axis.</param>
/// <param name="Zeros">Zero points shaped like the scales, Int32; null when symmetric.</param>
internal sealed record WeightGrid(WeightFormat Format, int Axis, int Block, Tensor Scales, Tensor? Zeros)
{
    private const float Smallest = 1e-12f;

    // Below 8 bits clipping a little rounds the rest finer: the range is tried at these parts of the full one.
    private const int Candidates = 40;
    private const float LeastPart = 0.3f;

    /// <summary>Fits scales to a weight: of 8 and 16 bits the full range, of fewer the clipped range with the least squared error.</summary>
    /// <param name="weight">Floats.</param>
    /// <param name="axes">Where its inputs and outputs are.</param>
    /// <param name="format">Which integers, and what shares a scale.</param>
    /// <exception cref="NabiException">A weight is not finite.</exception>
    public static WeightGrid Fit(Tensor weight, WeightAxes axes, WeightFormat format)
    {
        var shape = weight.Shape;
        var isBlocked = format.GroupSize > 0 && shape[axes.InputAxis] > format.GroupSize;
        var scaleShape = isBlocked ? shape.With(axes.InputAxis, (shape[axes.InputAxis] + format.GroupSize - 1) / format.GroupSize)
            : Shape.Create([format.PerChannel || format.GroupSize > 0 ? shape[axes.OutputAxis] : 1]);
        var (axis, block) = isBlocked ? (axes.InputAxis, format.GroupSize) : (axes.OutputAxis, 0);
        var values = weight.ToSingle();
        var groups = Affine.Offsets(shape, scaleShape, axis, block);
        var ranges = new (float Min, float Max)[scaleShape.Count];
        for (var i = 0; i < values.Length; i++)
        {
            if (!float.IsFinite(values[i])) throw new NabiException($"a weight is {values[i]}; only finite weights can be quantized");
            ref var range = ref ranges[groups[i]];
            range = (Math.Min(range.Min, values[i]), Math.Max(range.Max, values[i]));
        }
        var (scales, zeros) = format.Bits >= 8 ? Covering(ranges, format, 1) : Closest(values, groups, ranges, format);
        return new WeightGrid(format, axis, block, Tensor.Of<float>(scaleShape, scales),
            format.IsSymmetric ? null : Tensor.Of<int>(scaleShape, zeros));
    }

    /// <summary>The integers of a weight.</summary>
    public Tensor Round(Tensor weight)
    {
        var (values, groups) = (weight.ToSingle(), Groups(weight.Shape));
        var scales = Scales.Span<float>();
        var zeros = Zeros is null ? default : Zeros.Span<int>();
        var numbers = Tensor.Empty(DType.Int32, weight.Shape);
        var rounded = numbers.Span<int>();
        for (var i = 0; i < values.Length; i++) rounded[i] = Nearest(values[i], scales[groups[i]], zeros.IsEmpty ? 0 : zeros[groups[i]], Format);
        return numbers.Cast(Format.Stored);
    }

    /// <summary>For every element of a weight, which scale is its.</summary>
    public int[] Groups(Shape shape) => Affine.Offsets(shape, Scales.Shape, Axis, Block);

    private static int Nearest(float value, float scale, int zero, WeightFormat format) =>
        (int)Math.Clamp(MathF.Round(value / scale, MidpointRounding.ToEven) + (double)zero, format.Min, format.Max);

    private static (float[] Scales, int[] Zeros) Covering((float Min, float Max)[] ranges, WeightFormat format, float part)
    {
        var (scales, zeros) = (new float[ranges.Length], new int[ranges.Length]);
        for (var g = 0; g < ranges.Length; g++)
        {
            var (min, max) = (ranges[g].Min * part, ranges[g].Max * part);
            scales[g] = Math.Max(Smallest, format.IsSymmetric ? Math.Max(-min, max) / format.Max : (max - min) / (format.Max - format.Min));
            if (!format.IsSymmetric) zeros[g] = (int)Math.Clamp(MathF.Round(format.Min - min / scales[g], MidpointRounding.ToEven), format.Min, format.Max);
        }
        return (scales, zeros);
    }

    private static (float[] Scales, int[] Zeros) Closest(float[] values, int[] groups, (float Min, float Max)[] ranges, WeightFormat format)
    {
        var (bestScales, bestZeros) = (new float[ranges.Length], new int[ranges.Length]);
        var (least, errors) = (new double[ranges.Length], new double[ranges.Length]);
        Array.Fill(least, double.PositiveInfinity);
        for (var candidate = 0; candidate < Candidates; candidate++)
        {
            var (scales, zeros) = Covering(ranges, format, 1 - (1 - LeastPart) * candidate / (Candidates - 1));
            Array.Clear(errors);
            for (var i = 0; i < values.Length; i++)
            {
                var (scale, zero) = (scales[groups[i]], zeros[groups[i]]);
                var error = values[i] - (double)scale * (Nearest(values[i], scale, zero, format) - zero);
                errors[groups[i]] += error * error;
            }
            for (var g = 0; g < scales.Length; g++)
                if (errors[g] < least[g]) (least[g], bestScales[g], bestZeros[g]) = (errors[g], scales[g], zeros[g]);
        }
        return (bestScales, bestZeros);
    }
}
