namespace Nabi.Training;

/// <summary>The squared distance between scores and targets, summed over the classes, the mean over the batch.</summary>
public sealed record SquaredError : Loss
{
    /// <inheritdoc/>
    public override Value Build(GraphBuilder builder, Value logits, Value targets)
    {
        var difference = builder.Sub(logits, targets);
        return MeanOverBatch(builder, builder.Mul(difference, difference));
    }
}
