using Nabi.Ops;

namespace Nabi.Compression.Quantization.Binary;

/// <summary>
/// BinaryConnect (Courbariaux et al. 2015), deterministic: weights are the signs of real ones (equation 1), whose gradient they get unchanged (algorithm 1) and which updates keep within
/// [-1, 1] (section 2.4). Activations stay in float.
/// </summary>
/// <remarks>A layer's result is normalized: the networks of the paper have batch normalization behind every layer.</remarks>
public sealed record BinaryConnect : BinaryMethod
{
    /// <inheritdoc/>
    public override bool LimitsWeights => true;

    /// <inheritdoc/>
    public override bool NormalizesOutputs => true;

    /// <inheritdoc/>
    public override bool HasActivations => false;

    /// <inheritdoc/>
    public override Value Weight(GraphBuilder b, Value weight, int outputAxis) => b.StraightThrough(b.Apply(new Binarize(), weight), weight);

    /// <inheritdoc/>
    public override BinaryWeight Store(Tensor weight, int outputAxis) => BinaryWeight.Signs(weight, outputAxis, isScaled: false);
}
