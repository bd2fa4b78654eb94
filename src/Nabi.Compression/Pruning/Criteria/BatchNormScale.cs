using Nabi.Ops;

namespace Nabi.Compression.Pruning.Criteria;

/// <summary>
/// The absolute scale of the channel's batch normalization (Liu et al. 2017, Network Slimming, section 3). Groups without batch
/// normalization are kept.
/// </summary>
public sealed record BatchNormScale : ChannelCriterion
{
    /// <inheritdoc/>
    public override bool IsComparable => true;

    /// <inheritdoc/>
    public override float[] Score(ChannelGroupView group)
    {
        var scores = new float[group.Count];
        var found = 0;
        foreach (var slice in group.Group.Parameters.Where(p => IsScale(p.At.Value)))
        {
            found++;
            var rows = group.Weights(slice);
            for (var c = 0; c < scores.Length; c++)
                foreach (var gamma in rows[c]) scores[c] += Math.Abs(gamma) / rows[c].Length;
        }
        for (var c = 0; c < scores.Length; c++) scores[c] = found == 0 ? float.PositiveInfinity : scores[c] / found;
        return scores;
    }

    private static bool IsScale(Value value) => value.Users.Any(n => n.Op is BatchNormalization && n.Inputs[1] == value);
}
