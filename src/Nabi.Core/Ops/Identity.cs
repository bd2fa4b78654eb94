namespace Nabi.Ops;

/// <summary>ONNX <c>Identity</c>: the input itself.</summary>
public sealed record Identity : Op
{
    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x) => x.Input(0);

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => x.Input(0);

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.Free;

    /// <inheritdoc/>
    public override void Couple(CouplingContext c) => c.TieAll(c.Input(0), c.Output());

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => [g.Grad];
}
