using Nabi.Ops;

namespace Nabi.Compression.Quantization.Binary;

/// <summary>
/// Binarized neural networks (Hubara et al. 2016): weights and activations are signs (equation 1); the gradient passes an activation as a hard tanh (equation 4) and a weight
/// unchanged, real weights stay within [-1, 1] (algorithm 1). A layer's result is normalized.
/// </summary>
public sealed record Bnn : BinaryMethod
{
    /// <inheritdoc/>
    public override bool LimitsWeights => true;

    /// <inheritdoc/>
    public override bool NormalizesOutputs => true;

    /// <inheritdoc/>
    public override Value Weight(GraphBuilder b, Value weight, int outputAxis) => b.StraightThrough(b.Apply(new Binarize(), weight), weight);

    /// <inheritdoc/>
    public override BinaryWeight Store(Tensor weight, int outputAxis) => BinaryWeight.Signs(weight, outputAxis, isScaled: false);
}
