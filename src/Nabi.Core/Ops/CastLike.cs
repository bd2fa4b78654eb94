namespace Nabi.Ops;

/// <summary>ONNX <c>CastLike</c>: converts the first input to the element type of the second; see <see cref="Tensor.Cast"/> for the rules.</summary>
public sealed record CastLike : Op
{
    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x) => x.Input(0) with { DType = x.Input(1).DType };

    /// <inheritdoc/>
    public override DType UnrankedType(int index, InferContext x) => x.Input(1).DType;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => x.Input(0).Cast(x.Input(1).DType);

    /// <inheritdoc/>
    public override void Couple(CouplingContext c) => c.TieAll(c.Input(0), c.Output());

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) =>
        [g.Input(0).DType.IsFloat() && g.Grad.DType.IsFloat() ? g.Builder.Cast(g.Grad, g.Input(0).DType) : null, null];
}
