namespace Nabi.Compression.Pruning.Criteria;

/// <summary>
/// Filter pruning via geometric median: the sum of a filter's distances to all others of the group. A filter near the geometric
/// median is the one the others can replace (He et al. 2019, FPGM, equations 5 to 7).
/// </summary>
public sealed record Fpgm : ChannelCriterion
{
    /// <inheritdoc/>
    public override float[] Score(ChannelGroupView group)
    {
        var scores = new float[group.Count];
        foreach (var maker in group.Makers)
        {
            var rows = group.Weights(maker);
            for (var i = 0; i < rows.Count; i++)
                for (var j = i + 1; j < rows.Count; j++)
                {
                    var distance = Distance(rows[i], rows[j]);
                    scores[i] += distance;
                    scores[j] += distance;
                }
        }
        return scores;
    }

    private static float Distance(float[] a, float[] b)
    {
        var sum = 0f;
        for (var k = 0; k < a.Length; k++) sum += (a[k] - b[k]) * (a[k] - b[k]);
        return MathF.Sqrt(sum);
    }
}
