using Nabi.Ops;

namespace Nabi.Compression.Quantization.Binary;

/// <summary>
/// XNOR-Net (Rastegari et al. 2016): weights are alpha sign(W) with alpha the mean magnitude of a filter (equation 6), activations signs (section 3.2), inputs are normalized first (figure 3).
/// The scale K of the inputs (equation 11) is <see cref="TrainBinary.InputScaling"/>.
/// </summary>
/// <remarks>
/// The gradient is the exact one of alpha sign(W) with that of the sign as 1 where |w| is at most 1 (section 3.1): what reaches a weight through alpha is summed over its filter, where the
/// paper's 1 / n keeps the weight's own term only.
/// </remarks>
public sealed record XnorNet : BinaryMethod
{
    /// <inheritdoc/>
    public override Value Weight(GraphBuilder b, Value weight, int outputAxis) => ScaledSigns(b, weight, outputAxis);

    /// <inheritdoc/>
    public override BinaryWeight Store(Tensor weight, int outputAxis) => BinaryWeight.Signs(weight, outputAxis, isScaled: true);

    /// <summary>alpha sign(W).</summary>
    internal static Value ScaledSigns(GraphBuilder b, Value weight, int outputAxis)
    {
        int[] axes = [.. Enumerable.Range(0, weight.Shape.Rank).Where(a => a != outputAxis)];
        return b.Mul(b.StraightThrough(b.Apply(new Binarize(), weight), b.Clip(weight, -1, 1)), b.ReduceMean(b.Abs(weight), axes));
    }
}
