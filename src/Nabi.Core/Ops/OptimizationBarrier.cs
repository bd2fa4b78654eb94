namespace Nabi.Ops;

/// <summary>
/// The input itself, which passes take for another value: what is computed from it is not merged with what is computed from the input. With it
/// activations are computed a second time on purpose. It costs nothing when it runs.
/// </summary>
public sealed record OptimizationBarrier : Op
{
    /// <inheritdoc/>
    public override string Domain => NabiDomain;

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

    /// <inheritdoc/>
    public override IReadOnlyList<Value>? AsStandard(Node node, Rewriter r) => [r[node.Inputs[0]!]];
}
