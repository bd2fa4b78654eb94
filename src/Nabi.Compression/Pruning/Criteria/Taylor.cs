namespace Nabi.Compression.Pruning.Criteria;

/// <summary>
/// The squared first-order change of the loss when the channel's parameters become zero, (sum of g w)^2, averaged over batches
/// (Molchanov et al. 2019, Importance Estimation for Neural Network Pruning, equation 8, jointly over the group as in section 3.2).
/// </summary>
public sealed record Taylor : ChannelCriterion
{
    /// <inheritdoc/>
    public override bool NeedsGradients => true;

    /// <inheritdoc/>
    public override bool IsComparable => true;

    /// <inheritdoc/>
    public override float[] Score(ChannelGroupView group)
    {
        // The parameters that make a channel say all that is to say: those that read it vanish with it, to the same effect.
        var sums = new double[group.Count];
        foreach (var maker in group.Makers)
        {
            var (weights, gradients) = (group.Weights(maker), group.Gradients(maker));
            for (var c = 0; c < sums.Length; c++)
                for (var k = 0; k < weights[c].Length; k++) sums[c] += (double)weights[c][k] * gradients[c][k];
        }
        return Array.ConvertAll(sums, s => (float)(s * s));
    }
}
