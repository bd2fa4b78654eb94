namespace Nabi.Ops;

/// <summary>
/// ONNX <c>NegativeLogLikelihoodLoss</c>: -weight[label] x[label] for log-probabilities x. Inputs: x [N, C, ...], labels [N, ...] and optional
/// weights [C].
/// </summary>
public sealed record NegativeLogLikelihoodLoss : ClassificationLoss
{
    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x) => LossType(x, 2);

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) =>
        Loss(x.Input(0).Cast(DType.Float64), x.Input(1), x.Optional(2)).Cast(x.Input(0).DType);

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var (oneHot, factor) = Samples(g.Builder, g.Input(0), g.Input(1), g.Has(2) ? g.Input(2) : null, g.Grad);
        return [g.Builder.Neg(g.Builder.Mul(oneHot, factor)), null, null];
    }
}
