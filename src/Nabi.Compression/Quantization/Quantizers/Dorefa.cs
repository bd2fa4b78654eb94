namespace Nabi.Compression.Quantization.Quantizers;

/// <summary>
/// DoReFa-Net (Zhou et al. 2016). With quantize_k(r) = round((2^k - 1) r) / (2^k - 1), whose gradient passes straight through (equations 5 and 6), a weight becomes
/// 2 quantize_k(tanh(w) / (2 max|tanh(w)|) + 1/2) - 1 (equation 9), and of one bit sign(w) E|w| (equation 7); an activation becomes
/// quantize_k(clip(x, 0, 1)) (equation 11). There is nothing to learn beside the weights.
/// </summary>
/// <remarks>
/// Weights lie in [-1, 1] whatever they were and activations in [0, 1], so the layers want batch normalization behind them, which the paper's networks have. The
/// 2^k levels of a weight are the odd multiples of 1 / (2^k - 1): there is no zero, pruned weights do not stay zero, and 4 bits
/// are stored in 8 because they reach from -15 to 15. Gradients of few bits (equation 12) are a
/// setting of the step: <see cref="TrainQuantized.GradientBits"/>.
/// </remarks>
public sealed record Dorefa : Quantizer
{
    /// <inheritdoc/>
    public override IReadOnlyCollection<int> WeightBits => [1, .. base.WeightBits];

    /// <inheritdoc/>
    public override bool TakesNegative => false;

    /// <inheritdoc/>
    public override Value Weight(QuantizerSite site) => QuantizedWeight(site);

    /// <inheritdoc/>
    public override Value Activation(QuantizerSite site)
    {
        var (b, levels) = (site.Builder, (1 << site.Bits) - 1);
        return b.StraightThrough(site.Round(site.X, site.Number(1.0 / levels), 0, levels), b.Clip(site.X, 0, 1));
    }

    /// <summary>The weight of equations 7 and 9, which PACT takes too.</summary>
    internal static Value QuantizedWeight(QuantizerSite site)
    {
        var (b, w) = (site.Builder, site.X);
        if (site.Bits == 1)
        {
            var mean = b.Reshape(b.ReduceMean(b.Abs(w), [], keepdims: false), [1]);
            return b.StraightThrough(site.Round(b.Where(b.GreaterOrEqual(w, b.Scalar(0, w)), mean, b.Neg(mean)), mean, -1, 1), w);
        }
        var levels = (1 << site.Bits) - 1;
        var squashed = b.Tanh(w);
        var largest = b.ReduceMax(b.Abs(squashed), [], keepdims: false);
        var unit = b.Div(squashed, b.Max(largest, b.Scalar(1e-12, largest)));
        var odd = b.Sub(b.Mul(b.Round(b.Mul(b.Add(unit, 1), levels / 2.0)), 2), b.Scalar(levels, w));
        return b.StraightThrough(site.Round(b.Mul(odd, 1.0 / levels), site.Number(1.0 / levels), -levels, levels), unit);
    }
}
