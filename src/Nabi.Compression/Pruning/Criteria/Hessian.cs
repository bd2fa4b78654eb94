namespace Nabi.Compression.Pruning.Criteria;

/// <summary>
/// The second-order change of the loss when a channel goes, for what the channel costs (Liu et al. 2021, Group Fisher Pruning for Practical
/// Network Compression, section 3). A mask m on the channel, shared by all layers that read it, is taken from 1 to 0: at a minimum the
/// gradient vanishes, and what is left of the Taylor expansion is half the second derivative, for which the Fisher information stands:
/// s = 1 / (2 N) x the sum over N samples of (dL_n / dm)^2. It is divided by the activations that vanish with the channel.
/// </summary>
/// <remarks>
/// <para>A mask on what a layer reads scales the weights that read it, so that dL/dm is the sum of w dL/dw over them: exactly, through residual
/// additions, normalization and depthwise convolutions between.</para>
/// <para>Chosen before the trace of the Hessian (Yu et al. 2021, HAP), which needs Hessian-vector products and assumes that curvature
/// within a filter is everywhere the same: the Fisher form needs one backward pass a sample and takes the channel as a whole.
/// The paper accumulates the sum over the steps of a training and removes a channel every few steps; here it is taken at once.</para>
/// </remarks>
public sealed record Hessian : ChannelCriterion
{
    /// <inheritdoc/>
    public override bool NeedsGradients => true;

    /// <inheritdoc/>
    public override bool IsPerSample => true;

    /// <inheritdoc/>
    public override bool IsComparable => true;

    /// <inheritdoc/>
    public override float[] Score(ChannelGroupView group)
    {
        var masks = new double[group.Count];
        foreach (var reader in group.Readers.Count > 0 ? group.Readers : group.Makers)
        {
            var (weights, gradients) = (group.Weights(reader), group.Gradients(reader));
            for (var c = 0; c < masks.Length; c++)
                for (var k = 0; k < weights[c].Length; k++) masks[c] += (double)weights[c][k] * gradients[c][k];
        }
        var cost = Activations(group.Group);
        return Array.ConvertAll(masks, m => (float)(m * m / 2 / cost));
    }

    // Numbers of all activations of one sample that belong to one channel.
    private static double Activations(ChannelGroup group)
    {
        var sum = 0.0;
        foreach (var slice in group.Activations)
        {
            double size = slice.Block;
            for (var axis = 0; axis < slice.At.Value.Shape.Rank; axis++)
                if (axis != slice.At.Axis) size *= Math.Max(1, slice.At.Value.Shape[axis]);
            sum += size;
        }
        return Math.Max(1, sum);
    }
}
