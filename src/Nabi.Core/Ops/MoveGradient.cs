namespace Nabi.Ops;

/// <summary>
/// The transpose of an operator that moves elements: every element of the gradient is added to the place it came from, places nobody
/// read are zero. Inputs: the gradient, the shape of the forward data, then the forward node's inputs after its first.
/// </summary>
/// <param name="Of">The forward operator.</param>
public sealed record MoveGradient(MovingOp Of) : Op
{
    /// <inheritdoc/>
    public override string Domain => NabiDomain;

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x) => new TensorType(x.Input(0).DType, x.Target(1));

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var source = Shape.From(x.Integers(1)!);
        var forward = new Tensor?[x.InputCount - 1];
        for (var i = 1; i < forward.Length; i++) forward[i] = x.Optional(i + 1);
        return Of.Moves(source, new EvalContext(forward, 1, x.Rng)).AddBack(x.Input(0), source);
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => new(0, x.Input(0).Count, x.BytesRead, x.BytesWritten);

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var rest = g.Node.Inputs.Skip(2);
        return [g.Builder.Apply(Of, [g.Grad, .. rest]), null, .. rest.Select(_ => (Value?)null)];
    }
}
