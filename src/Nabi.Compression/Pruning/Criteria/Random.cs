namespace Nabi.Compression.Pruning.Criteria;

/// <summary>Random scores: what every other criterion must beat.</summary>
public sealed record Random : ChannelCriterion
{
    /// <inheritdoc/>
    public override float[] Score(ChannelGroupView group)
    {
        var scores = new float[group.Count];
        for (var c = 0; c < scores.Length; c++) scores[c] = group.Rng.NextSingle();
        return scores;
    }
}
