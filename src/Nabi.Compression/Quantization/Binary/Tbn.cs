using Nabi.Ops;

namespace Nabi.Compression.Quantization.Binary;

/// <summary>
/// TBN (Wan et al. 2018): binary weights with the scales of <see cref="XnorNet"/>, activations -1, 0 and 1 with a threshold of delta times their mean magnitude, whose gradient
/// passes as that of a hard tanh.
/// </summary>
/// <remarks>
/// Inputs are normalized, so their mean magnitude is that of a standard normal number, sqrt(2 / pi), when training starts; the threshold is fixed at <see cref="Delta"/> times that, for a
/// mean over each input would cost a pass at run time. Scale and shift of the normalization are learned, so the network chooses the threshold's effect. The paper's text was not at hand: its delta
/// could not be looked up, 0.4 is what we remember of it.
/// </remarks>
public sealed record Tbn : BinaryMethod
{
    /// <summary>Threshold as a share of the mean magnitude.</summary>
    private const double Delta = 0.4;

    /// <inheritdoc/>
    public override Value Weight(GraphBuilder b, Value weight, int outputAxis) => XnorNet.ScaledSigns(b, weight, outputAxis);

    /// <inheritdoc/>
    public override Value Activation(GraphBuilder b, Value x) =>
        b.StraightThrough(b.Apply(new Ternarize(), x, b.Constant(Tensor.Scalar((float)(Delta * Math.Sqrt(2 / Math.PI))))), b.Clip(x, -1, 1));

    /// <inheritdoc/>
    public override BinaryWeight Store(Tensor weight, int outputAxis) => BinaryWeight.Signs(weight, outputAxis, isScaled: true);
}
