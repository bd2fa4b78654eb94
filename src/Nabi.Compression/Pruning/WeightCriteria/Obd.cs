namespace Nabi.Compression.Pruning.WeightCriteria;

/// <summary>
/// Optimal Brain Damage (LeCun, Denker and Solla 1990, section 2.2): the saliency h_kk w_k^2 / 2, the second-order change of the loss when the weight
/// becomes zero, where training has made the first order vanish and weights are taken one by one. How h_kk is computed says <see cref="LossCurvature"/>.
/// </summary>
public sealed record Obd : WeightCriterion
{
    /// <inheritdoc/>
    public override bool NeedsCurvature => true;

    /// <inheritdoc/>
    public override float[] Score(WeightView layer)
    {
        var scores = new float[layer.Count];
        for (var i = 0; i < scores.Length; i++) scores[i] = layer.Curvature[i] * layer.Weights[i] * layer.Weights[i] / 2;
        return scores;
    }
}
