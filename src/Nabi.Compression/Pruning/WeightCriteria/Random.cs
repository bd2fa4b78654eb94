namespace Nabi.Compression.Pruning.WeightCriteria;

/// <summary>Random scores: what every other criterion must beat.</summary>
public sealed record Random : WeightCriterion
{
    /// <inheritdoc/>
    public override float[] Score(WeightView layer)
    {
        var scores = new float[layer.Count];
        for (var i = 0; i < scores.Length; i++) scores[i] = layer.Rng.NextSingle();
        return scores;
    }
}
