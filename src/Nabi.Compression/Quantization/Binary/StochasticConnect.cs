using Nabi.Ops;

namespace Nabi.Compression.Quantization.Binary;

/// <summary>
/// BinaryConnect (Courbariaux et al. 2015), stochastic: while it is trained a weight is +1 with probability clip((w + 1) / 2, 0, 1), else -1, drawn anew in every step (equations 2 and 3). Otherwise as
/// <see cref="BinaryConnect"/>.
/// </summary>
/// <remarks>
/// Weights start scaled to fill [-1, 1], because small ones are drawn with even chances and say nothing; a layer's normalization makes their scale free.
/// The paper tests this variant with the real weights (section 2.6, its third method); here the signs are stored, its first method, because real weights would not be smaller,
/// and the normalizations' statistics are measured anew with them.
/// </remarks>
public sealed record StochasticConnect : BinaryMethod
{
    /// <inheritdoc/>
    public override bool LimitsWeights => true;

    /// <inheritdoc/>
    public override bool NormalizesOutputs => true;

    /// <inheritdoc/>
    public override bool HasActivations => false;

    /// <inheritdoc/>
    public override bool IsRandom => true;

    /// <inheritdoc/>
    public override Tensor Start(Tensor weight)
    {
        var scaled = weight.Copy();
        var largest = Math.Max(scaled.Span<float>().ToArray().Max(Math.Abs), 1e-12f);
        foreach (ref var w in scaled.Span<float>()) w /= largest;
        return scaled;
    }

    /// <inheritdoc/>
    public override Value Weight(GraphBuilder b, Value weight, int outputAxis)
    {
        var probability = b.Clip(b.Mul(b.Add(weight, 1), 0.5), 0, 1);
        return b.StraightThrough(b.Add(b.Mul(b.Apply(new Bernoulli(), probability), 2), -1), weight);
    }

    /// <inheritdoc/>
    public override BinaryWeight Store(Tensor weight, int outputAxis) => BinaryWeight.Signs(weight, outputAxis, isScaled: false);
}
