using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Planning.Quantized;

/// <summary>
/// Nodes between DequantizeLinear and QuantizeLinear that are done on the stored integers. The arithmetic of each kind is stated by its kernel;
/// products and means are rounded once, by <see cref="Requantizer"/>.
/// </summary>
/// <param name="Group">The nodes in topological order; the last is the QuantizeLinear.</param>
/// <param name="Output">Format of the result.</param>
internal abstract record QuantizedMatch(IReadOnlyList<Node> Group, QuantizedFormat Output)
{
    /// <summary>The stored result.</summary>
    public Value Result => Group[^1].Output;

    /// <summary>The operator between.</summary>
    public Node Root => Group[0];
}

/// <summary>A stored value and its format.</summary>
internal readonly record struct QuantizedValue(Value Stored, QuantizedFormat Format);

/// <summary>
/// Conv, Gemm or MatMul with constant weights: y = clamp(zero_y + round(m[o] (bias[o] + sum (x - zero_x) w)), Low, High) with m[o] = scale_x scale_w[o] / scale_y.
/// </summary>
/// <param name="Group">The nodes.</param>
/// <param name="Input">The activations.</param>
/// <param name="Weights">int8, those of 4 bits widened, filters first: [M, C / groups, kernel] or [N, K].</param>
/// <param name="WeightScales">One per filter.</param>
/// <param name="Bias">In units of scale_x scale_w, or null.</param>
/// <param name="Output">Format of the result.</param>
/// <param name="Low">Lower limit of stored results.</param>
/// <param name="High">Upper limit of stored results.</param>
internal sealed record QuantizedProduct(
    IReadOnlyList<Node> Group, QuantizedValue Input, Tensor Weights, float[] WeightScales, int[]? Bias, QuantizedFormat Output, int Low, int High)
    : QuantizedMatch(Group, Output);

/// <summary>The sum of two values of one shape: the arithmetic of <see cref="Quantization.Add"/>.</summary>
internal sealed record QuantizedSum(IReadOnlyList<Node> Group, QuantizedValue A, QuantizedValue B, QuantizedFormat Output, int Low, int High) : QuantizedMatch(Group, Output);

/// <summary>The mean of windows, or of whole images: the arithmetic of <see cref="QuantizedPooling.Average"/>.</summary>
internal sealed record QuantizedMean(IReadOnlyList<Node> Group, QuantizedValue Input, QuantizedFormat Output) : QuantizedMatch(Group, Output);

/// <summary>Images times one number per channel: the arithmetic of <see cref="QuantizedGate"/>.</summary>
internal sealed record QuantizedGating(IReadOnlyList<Node> Group, QuantizedValue Input, QuantizedValue Gate, QuantizedFormat Output, int Low, int High) : QuantizedMatch(Group, Output)
{
    /// <summary>The kernel.</summary>
    public QuantizedGate Kernel => new()
    {
        Batch = Result.Shape[0], Pixels = Result.Shape.CountOf(2, Result.Shape.Rank), Channels = Result.Shape[1],
        Input = Input.Format, Gate = Gate.Format, Output = Output, Low = Low, High = High,
    };
}

/// <summary>A function of every element by itself: the result for each of the 256 stored values.</summary>
internal sealed record QuantizedFunction(IReadOnlyList<Node> Group, QuantizedValue Input, QuantizedFormat Output, Tensor Table) : QuantizedMatch(Group, Output);

/// <summary>The largest of each window; input and output have one format.</summary>
internal sealed record QuantizedMaximum(IReadOnlyList<Node> Group, QuantizedValue Input, QuantizedFormat Output) : QuantizedMatch(Group, Output);
