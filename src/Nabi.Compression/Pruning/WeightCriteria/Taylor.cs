namespace Nabi.Compression.Pruning.WeightCriteria;

/// <summary>
/// The first-order change of the loss when the weight becomes zero, |w dL/dw|, averaged over batches: the connection sensitivity of Lee, Ajanthan and
/// Torr 2019, SNIP, section 4.1 (before their division by the sum of all, which changes no order), and for one weight the square root of Molchanov et al.
/// 2019, Importance Estimation for Neural Network Pruning, equation 8. SNIP prunes untrained networks and looks at one batch; of a trained network
/// the gradients of all samples together are near zero, those of batches are not.
/// </summary>
public sealed record Taylor : WeightCriterion
{
    /// <inheritdoc/>
    public override bool NeedsGradients => true;

    /// <inheritdoc/>
    public override float[] Score(WeightView layer)
    {
        var scores = new float[layer.Count];
        for (var i = 0; i < scores.Length; i++) scores[i] = Math.Abs(layer.Weights[i] * layer.Gradients[i]);
        return scores;
    }
}
