namespace Nabi.Compression.Pruning.WeightCriteria;

/// <summary>The absolute weight (Han et al. 2015, Learning both Weights and Connections for Efficient Neural Networks, section 3.1).</summary>
public sealed record Magnitude : WeightCriterion
{
    /// <inheritdoc/>
    public override float[] Score(WeightView layer)
    {
        var scores = new float[layer.Count];
        for (var i = 0; i < scores.Length; i++) scores[i] = Math.Abs(layer.Weights[i]);
        return scores;
    }
}
