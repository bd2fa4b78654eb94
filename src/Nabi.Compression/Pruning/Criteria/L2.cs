namespace Nabi.Compression.Pruning.Criteria;

/// <summary>The Euclidean norm of all weights that make the channel (He et al. 2018, Soft Filter Pruning, equation 2 with p = 2).</summary>
public sealed record L2 : ChannelCriterion
{
    /// <inheritdoc/>
    public override float[] Score(ChannelGroupView group)
    {
        var scores = new float[group.Count];
        foreach (var maker in group.Makers)
        {
            var rows = group.Weights(maker);
            for (var c = 0; c < scores.Length; c++)
                foreach (var w in rows[c]) scores[c] += w * w;
        }
        for (var c = 0; c < scores.Length; c++) scores[c] = MathF.Sqrt(scores[c]);
        return scores;
    }
}
