namespace Nabi.Ops;

/// <summary>
/// The gradient of <see cref="SoftmaxCrossEntropyLoss"/> with respect to the scores: weight (softmax(scores) - onehot(label)) dLoss, over the sum of the
/// weights for a mean. Inputs: scores [N, C, ...], labels [N, ...], dLoss of the loss's shape, optional weights [C]. Output of the scores' shape.
/// </summary>
public sealed record SoftmaxCrossEntropyGradient : ClassificationLoss
{
    /// <inheritdoc/>
    public override string Domain => NabiDomain;

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var loss = LossType(x, 3);
        return loss.Shape.Accepts(x.Shape(2)) ? x.Input(0) : throw x.Fail($"the incoming gradient is {x.Shape(2)} where the loss is {loss.Shape}");
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var scores = x.Input(0);
        var result = SoftmaxCrossEntropyLoss.LogProbabilities(scores.Cast(DType.Float64));
        var (of, weight, divisor) = Samples(x.Input(1), scores.Shape[1], x.Optional(3));
        var (classes, inner) = (scores.Shape[1], scores.Shape.CountOf(2, scores.Shape.Rank));
        ReadOnlySpan<double> grad = x.Input(2).Cast(DType.Float64).Span<double>();
        var to = result.Span<double>();
        for (var i = 0; i < of.Length; i++)
        {
            var factor = of[i] < 0 ? 0 : weight[i] / divisor * grad[Reduction == LossReduction.None ? i : 0];
            for (var c = 0; c < classes; c++)
            {
                ref var y = ref to[(i / inner * classes + c) * inner + i % inner];
                y = factor * (Math.Exp(y) - (c == of[i] ? 1 : 0));
            }
        }
        return result.Cast(scores.DType);
    }

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => g.Through(x =>
    {
        var (oneHot, factor) = Samples(g.Builder, x[0]!, x[1]!, g.Has(3) ? x[3] : null, x[2]!);
        return [g.Builder.Mul(factor, g.Builder.Sub(g.Builder.Softmax(x[0]!, 1), oneHot))];
    });
}
