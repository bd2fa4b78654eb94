using Nabi.Ops;

namespace Nabi.Compression.Quantization.Binary;

/// <summary>
/// Ternary weight networks (Li et al. 2016): weights are alpha (-1, 0 or 1) with the threshold 0.7 E|W| of a layer (equation 6) and alpha the mean magnitude of those beyond it (equation 5). The
/// gradient passes to the real weights unchanged. Activations stay in float.
/// </summary>
public sealed record Twn : BinaryMethod
{
    private const double Threshold = 0.7;

    /// <inheritdoc/>
    public override bool HasActivations => false;

    /// <inheritdoc/>
    public override Value Weight(GraphBuilder b, Value weight, int outputAxis)
    {
        var magnitudes = b.Abs(weight);
        var numbers = b.Apply(new Ternarize(), weight, b.Mul(b.ReduceMean(magnitudes, [], keepdims: false), Threshold));
        var chosen = b.Abs(numbers);
        var alpha = b.Div(b.ReduceSum(b.Mul(magnitudes, chosen), [], keepdims: false), b.Add(b.ReduceSum(chosen, [], keepdims: false), 1e-12));
        return b.StraightThrough(b.Mul(numbers, alpha), weight);
    }

    /// <inheritdoc/>
    public override BinaryWeight Store(Tensor weight, int outputAxis)
    {
        var values = weight.ToSingle();
        var threshold = Threshold * values.Average(v => Math.Abs((double)v));
        var beyond = values.Where(v => Math.Abs(v) > threshold).Select(v => Math.Abs((double)v)).DefaultIfEmpty(0).Average();
        var numbers = Tensor.Empty(DType.Int8, weight.Shape);
        for (var i = 0; i < values.Length; i++) numbers.Span<sbyte>()[i] = (sbyte)(values[i] > threshold ? 1 : values[i] < -threshold ? -1 : 0);
        var scales = new float[weight.Shape[outputAxis]];
        Array.Fill(scales, BinaryWeight.Positive(beyond));
        return new BinaryWeight(numbers, scales);
    }
}
