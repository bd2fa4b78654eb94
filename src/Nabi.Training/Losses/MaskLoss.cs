namespace Nabi.Training;

/// <summary>
/// How far masks [N, pixels] are from wanted ones (0 or 1): Bce times the binary cross entropy of each pixel, the mean, plus Dice times 1 - (2 p t + 1) / (p + t + 1) over each mask,
/// the mean over the batch. EdgeSAM's loss (Zhou et al. 2023, section 3.3); the dice term is that of Milletari et al. 2016 with 1 added to both sides against empty masks.
/// </summary>
/// <param name="Bce">Factor of the cross entropy. Default 5, EdgeSAM's configuration.</param>
/// <param name="Dice">Factor of the dice term. Default 5.</param>
public sealed record MaskLoss(double Bce = 5, double Dice = 5) : Loss
{
    /// <inheritdoc/>
    public override Value Build(GraphBuilder builder, Value logits, Value targets)
    {
        var b = builder;
        // -t log p - (1 - t) log(1 - p) = softplus(x) - t x, with softplus(x) = max(x, 0) + log(1 + exp(-|x|)).
        var softplus = b.Add(b.Relu(logits), b.Log(b.Add(b.Exp(b.Neg(b.Abs(logits))), 1)));
        var entropy = b.ReduceMean(b.Sub(softplus, b.Mul(targets, logits)), [], keepdims: false);
        var p = b.Sigmoid(logits);
        var common = b.Add(b.Mul(b.ReduceSum(b.Mul(p, targets), [1], keepdims: false), 2), 1);
        var both = b.Add(b.Add(b.ReduceSum(p, [1], keepdims: false), b.ReduceSum(targets, [1], keepdims: false)), 1);
        var dice = b.Sub(1, b.ReduceMean(b.Div(common, both), [], keepdims: false));
        return b.Add(b.Mul(entropy, Bce), b.Mul(dice, Dice));
    }
}
