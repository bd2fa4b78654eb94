namespace Nabi.Compression.Pruning.WeightCriteria;

/// <summary>
/// The LAMP score (Lee et al. 2021, Layer-adaptive Sparsity for the Magnitude-based Pruning, section 2): the squared weight over the sum of the squared
/// weights of its layer that are at least as large. Ranked over the whole network it prunes within a layer as magnitude does, and never empties a layer:
/// the largest weight of each scores 1.
/// </summary>
public sealed record Lamp : WeightCriterion
{
    /// <inheritdoc/>
    public override float[] Score(WeightView layer)
    {
        var scores = new float[layer.Count];
        var (magnitudes, order) = (new float[layer.Count], new int[layer.Count]);
        for (var i = 0; i < order.Length; i++) (magnitudes[i], order[i]) = (Math.Abs(layer.Weights[i]), i);
        Array.Sort(magnitudes, order);
        var sum = 0.0;
        for (var i = order.Length - 1; i >= 0; i--)
        {
            var square = (double)magnitudes[i] * magnitudes[i];
            sum += square;
            scores[order[i]] = sum > 0 ? (float)(square / sum) : 0;
        }
        return scores;
    }
}
