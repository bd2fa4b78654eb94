namespace Nabi.Training;

/// <summary>
/// The mean squared error between a model's output and its own input, [N, ...] flattened: how autoencoders learn. Labels are not looked at; the target is the input as the
/// model sees it, normalized and augmented.
/// </summary>
public sealed record Reconstruction : Loss
{
    /// <inheritdoc/>
    public override Value Build(GraphBuilder builder, Value logits, Value targets)
    {
        if (!logits.Shape.Equals(targets.Shape))
            throw new NabiException($"The model gives back {logits.Shape} for an input of {targets.Shape}; a reconstruction must have the size of the input.");
        var difference = builder.Sub(logits, targets);
        return builder.Mul(MeanOverBatch(builder, builder.Mul(difference, difference)), builder.Scalar(1.0 / logits.Shape[1], logits));
    }
}
