using Nabi.Training;

namespace Nabi.Compression.Quantization.Quantizers;

/// <summary>
/// Parameterized clipping activation (Choi et al. 2018): an activation becomes round(y (2^k - 1) / a) a / (2^k - 1) with y = clip(x, 0, a) (equations 1 and 2). The clipping
/// level a is learned: its gradient is 1 where x is at least a, else 0 (equation 3), and its square is part of the loss with the factor of the
/// weights' decay (section 3). Weights are those of DoReFa-Net, as in the paper's experiments.
/// </summary>
/// <remarks>
/// The paper starts a at a large value and lets the decay bring it down over hundreds of epochs. Here it starts where rounding the observed activations loses
/// least, so that short trainings of a trained network suffice.
/// </remarks>
public sealed record Pact : Quantizer
{
    /// <inheritdoc/>
    public override IReadOnlyCollection<int> WeightBits => [1, .. base.WeightBits];

    /// <inheritdoc/>
    public override bool TakesNegative => false;

    /// <inheritdoc/>
    public override Value Weight(QuantizerSite site) => Dorefa.QuantizedWeight(site);

    /// <inheritdoc/>
    public override Value Activation(QuantizerSite site)
    {
        var (b, levels) = (site.Builder, (1 << site.Bits) - 1);
        var level = site.Learn("clip", site.BestReach(0, levels));
        var clipped = b.Where(b.GreaterOrEqual(site.X, level), level, b.Relu(site.X));
        return b.StraightThrough(site.Round(site.X, b.Mul(level, 1.0 / levels), 0, levels), clipped);
    }

    /// <inheritdoc/>
    public override Penalty? Penalty(ValueArray<string> learned, double decay) => decay > 0 ? new ClipDecay(learned, decay) : null;
}
