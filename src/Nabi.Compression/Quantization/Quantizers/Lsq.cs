namespace Nabi.Compression.Quantization.Quantizers;

/// <summary>
/// Learned step size quantization (Esser et al. 2020): v = round(clip(x / s, -Q_N, Q_P)) s (equations 1 and 2), one learned step s per layer with the gradient
/// of equation 3, scaled by g = 1 / sqrt(N Q_P) with N weights, or N features of an activation (section 2.2), and starting at
/// 2 mean|x| / sqrt(Q_P) (section 2.1). Weights are signed; activations that are never negative are unsigned.
/// </summary>
public sealed record Lsq : Quantizer
{
    /// <inheritdoc/>
    public override Value Weight(QuantizerSite site) => Rounded(site, isSigned: true);

    /// <inheritdoc/>
    public override Value Activation(QuantizerSite site) => Rounded(site, isSigned: site.Min < 0);

    private static Value Rounded(QuantizerSite site, bool isSigned)
    {
        var (min, max) = isSigned ? (-(1 << (site.Bits - 1)), (1 << (site.Bits - 1)) - 1) : (0, (1 << site.Bits) - 1);
        var start = 2 * site.MeanMagnitude / Math.Sqrt(max);
        var step = site.Learn("step", start > 1e-12 ? start : 1.0 / max);
        var gradientScale = 1 / Math.Sqrt((double)site.Elements * max);
        var b = site.Builder;
        return site.Round(site.X, b.StraightThrough(step, b.Mul(step, gradientScale)), min, max);
    }
}
