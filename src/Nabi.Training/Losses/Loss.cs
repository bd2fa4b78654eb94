namespace Nabi.Training;

/// <summary>What a training makes small: adds its nodes to the training graph.</summary>
public abstract record Loss
{
    /// <summary>Adds the loss.</summary>
    /// <param name="builder">Where nodes are added.</param>
    /// <param name="logits">The model's scores before any softmax, [N, classes].</param>
    /// <param name="targets">The share of each class, [N, classes]: one-hot or soft.</param>
    /// <returns>The mean over the batch, a scalar.</returns>
    public abstract Value Build(GraphBuilder builder, Value logits, Value targets);

    /// <summary>The sum over all elements, divided by the batch size.</summary>
    protected static Value MeanOverBatch(GraphBuilder builder, Value x) =>
        builder.Mul(builder.ReduceSum(x, [], keepdims: false), builder.Scalar(1.0 / x.Shape[0], x));
}
