namespace Nabi.Compression.Quantization;

/// <summary>Rounds weights to the nearest of the 16 numbers of int4 times a scale.</summary>
internal static class Int4Rounding
{
    // The largest magnitude falls on one of these: 7 clips nothing, more clips a little and rounds the rest finer.
    private static readonly float[] Steps = [7, 7.5f, 8, 8.5f, 9, 9.5f, 10, 11, 12];

    /// <summary>Numbers and scales of least squared error among a few scales for each group.</summary>
    /// <param name="weights">Floats.</param>
    /// <param name="axis">Axis of the scales.</param>
    /// <param name="block">Elements along the axis that share a scale; 0 for one scale per index.</param>
    /// <param name="scaleShape">Shape of the scales: a vector along the axis, or with blocks the weights' with fewer along the axis.</param>
    /// <exception cref="NabiException">A weight is not finite.</exception>
    public static (Tensor Numbers, Tensor Scales) Round(Tensor weights, int axis, int block, Shape scaleShape)
    {
        var values = weights.Span<float>();
        var shape = weights.Shape;
        var groups = Groups(shape, axis, block, scaleShape);
        var largest = new float[scaleShape.Count];
        for (var i = 0; i < values.Length; i++)
        {
            if (!float.IsFinite(values[i])) throw new NabiException($"a weight is {values[i]}; only finite weights can be rounded to int4");
            largest[groups[i]] = Math.Max(largest[groups[i]], Math.Abs(values[i]));
        }
        var (scales, least, errors) = (new float[largest.Length], new double[largest.Length], new double[largest.Length]);
        Array.Fill(least, double.PositiveInfinity);
        foreach (var step in Steps)
        {
            Array.Clear(errors);
            for (var i = 0; i < values.Length; i++)
            {
                var scale = Scale(largest[groups[i]], step);
                var error = values[i] - (Nearest(values[i], scale) * (double)scale);
                errors[groups[i]] += error * error;
            }
            for (var g = 0; g < scales.Length; g++)
                if (errors[g] < least[g]) (least[g], scales[g]) = (errors[g], Scale(largest[g], step));
        }
        var numbers = Tensor.Empty(DType.Int8, shape);
        var rounded = numbers.Span<sbyte>();
        for (var i = 0; i < values.Length; i++) rounded[i] = (sbyte)Nearest(values[i], scales[groups[i]]);
        return (numbers.Cast(DType.Int4), Tensor.Of<float>(scaleShape, scales));
    }

    // A group of zeros, or of numbers so small that the scale would vanish, takes any scale.
    private static float Scale(float largest, float step) => largest / step is var scale and >= 1e-30f ? scale : 1;

    private static int Nearest(float value, float scale) => (int)Math.Clamp(MathF.Round(value / scale, MidpointRounding.ToEven), -8, 7);

    private static int[] Groups(Shape shape, int axis, int block, Shape scaleShape)
    {
        var groups = new int[shape.Count];
        var (inner, size) = (shape.CountOf(axis + 1, shape.Rank), shape[axis]);
        for (var i = 0; i < groups.Length; i++)
        {
            var at = i / inner % size;
            groups[i] = block == 0 ? at : (((i / inner / size * scaleShape[axis]) + (at / block)) * inner) + (i % inner);
        }
        return groups;
    }
}
