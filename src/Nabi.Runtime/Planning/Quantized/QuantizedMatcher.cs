using Nabi.Ops;
using Nabi.Runtime.Kernels;
using Nabi.Runtime.Planning.Lowering;

namespace Nabi.Runtime.Planning.Quantized;

/// <summary>Finds what can be done on integers, looking backwards from every QuantizeLinear.</summary>
internal static class QuantizedMatcher
{
    private const int LargestBias = 1 << 30;

    /// <summary>The match that ends at this node, or null.</summary>
    public static QuantizedMatch? Of(Node quantize)
    {
        if (quantize.Op is not QuantizeLinear { BlockSize: 0 } || FormatOf(quantize, quantize.Output.DType) is not { } format) return null;
        return Ending(quantize, format) ?? ByteFunction.Of(quantize, format);
    }

    private static QuantizedMatch? Ending(Node quantize, QuantizedFormat format)
    {
        var group = new List<Node> { quantize };
        var (low, high) = (format.Min, format.Max);
        if (Before(quantize) is not { } before) return null;
        if (before.Op is Relu or Clip && Activations.TryGet(before, out var function) && function.TryGetRange(out var from, out var to) && Before(before) is { } root)
        {
            (low, high) = (Limit(from, format), Limit(to, format));
            group.Insert(0, before);
            before = root;
        }
        group.Insert(0, before);
        if (BiasOf(before) is { } bias)
            group.Insert(0, before = before.Inputs[before.Inputs[0] == bias ? 1 : 0]!.Producer!);
        return before.Op switch
        {
            Conv or Ops.Gemm or MatMul => Product(group, format, low, high),
            Add => Sum(group, format, low, high),
            Mul => Gating(group, format, low, high),
            AveragePool or GlobalAveragePool when group.Count == 2 => Mean(group, format),
            MaxPool when group.Count == 2 => Maximum(group, format),
            _ => null,
        };
    }

    /// <summary>The format of a QuantizeLinear or DequantizeLinear with one constant scale for the whole tensor of bytes, else null.</summary>
    public static QuantizedFormat? FormatOf(Node node, DType stored)
    {
        if (stored is not (DType.Int8 or DType.UInt8) || node.Inputs[1] is not { DType: DType.Float32 } scaleValue || Fixed(scaleValue) is not { Count: 1 } scale) return null;
        var zero = node.Inputs.Count > 2 && node.Inputs[2] is { } z ? Fixed(z) : Tensor.Scalar(0L);
        if (zero is not { Count: 1 }) return null;
        var format = new QuantizedFormat(scale.Span<float>()[0], (int)zero.ToInt64()[0], stored == DType.Int8);
        return format.Scale > 0 && float.IsFinite(format.Scale) ? format : null;
    }

    private static QuantizedProduct? Product(List<Node> group, QuantizedFormat format, int low, int high)
    {
        var node = group[0];
        if (Stored(node.Inputs[0]) is not { } input || node.Inputs[1] is not { Producer: { Op: DequantizeLinear { BlockSize: 0 } } weight }) return null;
        if (weight.Inputs[0] is not { DType: DType.Int8 or DType.Int4 } stored || Fixed(stored) is not { } numbers || Fixed(weight.Inputs[1]) is not { } scales) return null;
        if (weight.Inputs.Count > 2 && weight.Inputs[2] is { } zero && (Fixed(zero) is not { } zeros || zeros.ToInt64().AsSpan().ContainsAnyExcept(0))) return null;
        if (FiltersFirst(node, numbers.Cast(DType.Int8)) is not { } filters) return null;
        var perFilter = PerFilter(node, (DequantizeLinear)weight.Op, scales, numbers.Shape.Rank, filters.Shape[0]);
        if (perFilter is null) return null;
        var (bias, units) = (BiasOf(group[1]) ?? (node.Inputs.Count > 2 ? node.Inputs[2] : null), (int[]?)null);
        if (bias is not null)
        {
            if (BiasNumbers(bias) is not { } reals || reals.Length != perFilter.Length) return null;
            (filters, perFilter) = WithFinerUnits(filters, perFilter, input.Format, reals);
            if (!TryBias(reals, input.Format, perFilter, out units)) return null;
        }
        return new QuantizedProduct(group, input, filters, perFilter, units, format, low, high);
    }

    // Weights of few bits leave room in a byte: as multiples of their integers they stand for the same numbers, and the bias is counted in units as
    // many times finer. Without it the bias of a layer with 2-bit weights and activations is off by a good part of a step of its output.
    private static (Tensor Filters, float[] Scales) WithFinerUnits(Tensor filters, float[] scales, QuantizedFormat input, float[] bias)
    {
        var (finer, numbers, result) = ((float[])scales.Clone(), filters.Copy(), false);
        var values = numbers.Span<sbyte>();
        var size = values.Length / scales.Length;
        for (var f = 0; f < scales.Length; f++)
        {
            var filter = values.Slice(f * size, size);
            var largest = 1;
            foreach (var w in filter) largest = Math.Max(largest, Math.Abs((int)w));
            var units = Math.Abs(bias[f] / ((double)input.Scale * scales[f])) + 1;
            var factor = (int)Math.Min(sbyte.MaxValue / largest, LargestBias / units);
            if (factor < 2) continue;
            (finer[f], result) = (scales[f] / factor, true);
            foreach (ref var w in filter) w = (sbyte)(w * factor);
        }
        return result ? (numbers, finer) : (filters, scales);
    }

    /// <summary>A product's weights as [filters, ...]: [M, ...] of a convolution stays, [N, K] of a transposed Gemm too; [K, N] is transposed. Null for products no integer kernel takes.</summary>
    public static Tensor? FiltersFirst(Node node, Tensor weights) => node.Op switch
    {
        Conv => weights,
        Ops.Gemm { Alpha: 1, Beta: 1, TransA: false, TransB: true } => weights,
        Ops.Gemm { Alpha: 1, Beta: 1, TransA: false } => Transposed(weights),
        MatMul when weights.Shape.Rank == 2 => Transposed(weights),
        _ => null,
    };

    private static Tensor Transposed(Tensor matrix) => new Transpose().Evaluate(new EvalContext([matrix], 1, new Rng(0)))[0];

    /// <summary>One scale per filter of a product's weights; null if they lie along another axis, or one is not positive and finite.</summary>
    public static float[]? PerFilter(Node node, DequantizeLinear op, Tensor scales, int rank, int filters)
    {
        var values = scales.ToSingle();
        if (!Array.TrueForAll(values, s => s > 0 && float.IsFinite(s))) return null;
        if (values.Length == 1)
        {
            var repeated = new float[filters];
            Array.Fill(repeated, values[0]);
            return repeated;
        }
        var axis = op.Axis < 0 ? op.Axis + rank : op.Axis;
        return axis == (node.Op is Conv or Ops.Gemm { TransB: true } ? 0 : 1) && values.Length == filters ? values : null;
    }

    // What an addition adds to every row of a product, or null.
    private static Value? BiasOf(Node node)
    {
        if (node.Op is not Add) return null;
        for (var i = 0; i < 2; i++)
        {
            var (product, bias) = (node.Inputs[1 - i]!, node.Inputs[i]!);
            if (product is { UseCount: 1, Producer.Op: MatMul } && bias.Shape.Rank == 1 && bias.Shape[0] == product.Shape[-1] && (bias.Producer is null or { Op: DequantizeLinear })) return bias;
        }
        return null;
    }

    private static float[]? BiasNumbers(Value value) =>
        (value.Producer is { Op: DequantizeLinear } dequantize && Fixed(dequantize.Inputs[0]) is { DType: DType.Int32 } && Fixed(dequantize.Inputs[1]) is not null
            ? ReferenceEvaluator.Evaluate(dequantize, [.. dequantize.Inputs.Select(v => v is null ? null : Fixed(v))], new Rng(0))[0]
            : Fixed(value))?.ToSingle();

    private static bool TryBias(float[] reals, QuantizedFormat input, float[] weightScales, out int[] bias)
    {
        bias = new int[reals.Length];
        for (var i = 0; i < bias.Length; i++)
        {
            var units = Math.Round(reals[i] / ((double)input.Scale * weightScales[i]), MidpointRounding.ToEven);
            if (!(Math.Abs(units) < LargestBias)) return false;
            bias[i] = (int)units;
        }
        return true;
    }

    private static QuantizedSum? Sum(List<Node> group, QuantizedFormat format, int low, int high) =>
        Stored(group[0].Inputs[0]) is { } a && Stored(group[0].Inputs[1]) is { } b && a.Stored.Shape.Equals(b.Stored.Shape)
        && a.Format.Scale / format.Scale is > 1e-6f and < 1e6f && b.Format.Scale / format.Scale is > 1e-6f and < 1e6f
            ? new QuantizedSum(group, a, b, format, low, high) : null;

    private static QuantizedGating? Gating(List<Node> group, QuantizedFormat format, int low, int high)
    {
        var (left, right) = (group[0].Inputs[0]!, group[0].Inputs[1]!);
        var (images, gates) = left.Shape.Equals(group[0].Output.Shape) ? (left, right) : (right, left);
        var shape = images.Shape;
        if (shape.Rank < 3 || gates.Shape.Rank != shape.Rank || gates.Shape[0] != shape[0] || gates.Shape[1] != shape[1] || gates.Shape.CountOf(2, shape.Rank) != 1) return null;
        return Stored(images) is { } x && Stored(gates) is { } gate && (double)x.Format.Scale * gate.Format.Scale / format.Scale < 1 << 14
            ? new QuantizedGating(group, x, gate, format, low, high) : null;
    }

    private static QuantizedMean? Mean(List<Node> group, QuantizedFormat format) =>
        Stored(group[0].Inputs[0]) is { } input && input.Format.Scale / format.Scale < 1e6f ? new QuantizedMean(group, input, format) : null;

    private static QuantizedMaximum? Maximum(List<Node> group, QuantizedFormat format) =>
        Stored(group[0].Inputs[0]) is { } input && input.Format == format && group[0].Outputs.Count == 1 ? new QuantizedMaximum(group, input, format) : null;

    /// <summary>The integers behind a DequantizeLinear.</summary>
    private static QuantizedValue? Stored(Value? value) =>
        value?.Producer is { Op: DequantizeLinear { BlockSize: 0 } } node && value.DType == DType.Float32 && FormatOf(node, node.Inputs[0]!.DType) is { } format
            ? new QuantizedValue(node.Inputs[0]!, format) : null;

    private static Node? Before(Node node) => node.Inputs[0] is { UseCount: 1, Producer: { } producer } ? producer : null;

    /// <summary>The number a value always has, or null.</summary>
    public static Tensor? Fixed(Value? value) => value is { IsUpdated: false } ? value.Data : null;

    // The stored value of a limit of the real result; infinite limits are those of the type.
    private static int Limit(float limit, QuantizedFormat format) =>
        (int)Math.Clamp(Math.Round((double)(limit / format.Scale), MidpointRounding.ToEven) + format.ZeroPoint, format.Min, format.Max);
}
