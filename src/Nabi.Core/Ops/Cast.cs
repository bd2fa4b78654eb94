namespace Nabi.Ops;

/// <summary>ONNX <c>Cast</c>: converts the element type; see <see cref="Tensor.Cast"/> for the rules.</summary>
/// <param name="To">The element type of the output.</param>
public sealed record Cast(DType To) : Op
{
    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x) => x.Input(0) with { DType = To };

    /// <inheritdoc/>
    public override DType UnrankedType(int index, InferContext x) => To;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => x.Input(0).Cast(To);

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) =>
        [g.Input(0).DType.IsFloat() && To.IsFloat() ? g.Builder.Cast(g.Grad, g.Input(0).DType) : null];

    /// <inheritdoc/>
    public override void Couple(CouplingContext c) => c.TieAll(c.Input(0), c.Output());
}
