namespace Nabi.Compression.Pruning.Criteria;

/// <summary>The sum of absolute weights of the filters that make the channel (Li et al. 2017, Pruning Filters for Efficient ConvNets,
/// section 3.1).</summary>
public sealed record L1 : ChannelCriterion
{
    /// <inheritdoc/>
    public override float[] Score(ChannelGroupView group)
    {
        var scores = new float[group.Count];
        foreach (var maker in group.Makers)
        {
            var rows = group.Weights(maker);
            for (var c = 0; c < scores.Length; c++)
                foreach (var w in rows[c]) scores[c] += Math.Abs(w);
        }
        return scores;
    }
}
