namespace Nabi.Compression.Quantization.Quantizers;

/// <summary>
/// Ranges without learning (Jacob et al. 2018, sections 2.1 and 3): a weight is rounded symmetrically per output channel, the largest magnitude of the moment being the largest
/// integer, and its gradient passes straight through; an activation is rounded with a zero point within the range observed before
/// the training, and its gradient passes where it was not clipped.
/// </summary>
/// <remarks>The paper follows the ranges of activations with a moving average while it trains; here they stay as observed on the calibration samples.</remarks>
public sealed record MinMax : Quantizer
{
    /// <inheritdoc/>
    public override Value Weight(QuantizerSite site)
    {
        var (b, w, max) = (site.Builder, site.X, (1 << (site.Bits - 1)) - 1);
        var others = Enumerable.Range(0, w.Shape.Rank).Where(axis => axis != site.Axis).ToArray();
        var largest = b.ReduceMax(b.Abs(w), others, keepdims: false);
        var scale = b.Mul(b.Max(largest, b.Scalar(1e-12, largest)), 1.0 / max);
        return b.StraightThrough(site.Round(w, scale, -max, max), w);
    }

    /// <inheritdoc/>
    public override Value Activation(QuantizerSite site)
    {
        var (min, max) = (-(1 << (site.Bits - 1)), (1 << (site.Bits - 1)) - 1);
        var scale = Math.Max(site.Max - site.Min, 1e-12) / (max - min);
        var zero = Math.Clamp(Math.Round(min - site.Min / scale), min, max);
        return site.Round(site.X, site.Number(scale), min, max, site.Builder.Constant(Tensor.Vector((sbyte)zero), "zero_point"));
    }
}
