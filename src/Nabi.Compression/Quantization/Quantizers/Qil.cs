namespace Nabi.Compression.Quantization.Quantizers;

/// <summary>
/// Quantization interval learning (Jung et al. 2019). A weight becomes t^gamma sign(w) with t = clip(|w| / (2d) - c / (2d) + 1/2, 0, 1) (equation 3): what is smaller than
/// c - d is pruned, what is larger than c + d is clipped. Then it is rounded to multiples of 1 / (2^(k-1) - 1) (equation 2), straight through. An
/// activation becomes t with x for |w| (equation 5), rounded to multiples of 1 / (2^k - 1). Centre c and distance d of every interval are learned, for
/// weights gamma too; the gradients are those of the formulas.
/// </summary>
/// <remarks>
/// Weights lie in [-1, 1] and activations in [0, 1], so the layers want batch normalization behind them. How the paper starts c and d could not be looked up: here the intervals
/// begin at 0 and end where rounding loses least, and gamma is 1. The paper goes down from more bits to fewer (progressive
/// finetuning); a recipe does so with a step for each.
/// </remarks>
public sealed record Qil : Quantizer
{
    // Where t is 0, the logarithm in the gradient of gamma has no value, and counts as 0.
    private const double SmallestBase = 1e-6;

    /// <inheritdoc/>
    public override bool TakesNegative => false;

    /// <inheritdoc/>
    public override Value Weight(QuantizerSite site)
    {
        var (b, levels) = (site.Builder, (1 << (site.Bits - 1)) - 1);
        var t = Transformed(site, b.Abs(site.X), site.BestReach(-levels, levels));
        var gamma = site.Learn("gamma", 1);
        var logarithm = b.Log(b.Max(t, b.Scalar(SmallestBase, t)));
        var raised = b.Masked(b.Exp(b.Mul(logarithm, gamma)), b.Greater(t, SmallestBase));
        var transformed = b.Mul(raised, b.Sign(site.X));
        return b.StraightThrough(site.Round(transformed, site.Number(1.0 / levels), -levels, levels), transformed);
    }

    /// <inheritdoc/>
    public override Value Activation(QuantizerSite site)
    {
        var (b, levels) = (site.Builder, (1 << site.Bits) - 1);
        var transformed = Transformed(site, site.X, site.BestReach(0, levels));
        return b.StraightThrough(site.Round(transformed, site.Number(1.0 / levels), 0, levels), transformed);
    }

    // clip(alpha x + beta, 0, 1) with alpha = 0.5 / d and beta = 0.5 - 0.5 c / d.
    private static Value Transformed(QuantizerSite site, Value x, double reach)
    {
        var b = site.Builder;
        var (center, distance) = (site.Learn("center", reach / 2), site.Learn("distance", reach / 2));
        var alpha = b.Div(b.Scalar(0.5, distance), distance);
        var beta = b.Sub(b.Scalar(0.5, center), b.Mul(alpha, center));
        return b.Clip(b.Add(b.Mul(x, alpha), beta), 0, 1);
    }
}
