namespace Nabi.Ops;

/// <summary>
/// The straight-through estimator (Bengio, Léonard and Courville 2013, section 4) as a node. Inputs: value and surrogate, of one type and shape. The output is the value; the
/// gradient goes to the surrogate alone. With it every estimator is composed of ordinary nodes: rounding that lets the gradient through is
/// <c>StraightThrough(Round(x), x)</c>, a sign that learns as a hard tanh is <c>StraightThrough(Sign(x), Clip(x, -1, 1))</c>.
/// It costs nothing when it runs: <see cref="Passes.RemoveStraightThrough"/> leaves the value alone, and what only the surrogate needs goes with it.
/// </summary>
public sealed record StraightThrough : Op
{
    /// <inheritdoc/>
    public override string Domain => NabiDomain;

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var (value, surrogate) = (x.Input(0), x.Input(1));
        if (value.DType != surrogate.DType || !value.Shape.Accepts(surrogate.Shape))
            throw x.Fail($"the value is {value} and its surrogate {surrogate}, which must be equal");
        return value;
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => x.Input(0);

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.Free;

    /// <inheritdoc/>
    public override void Couple(CouplingContext c)
    {
        c.TieAll(c.Input(0), c.Output());
        c.TieAll(c.Input(1), c.Output());
    }

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => [null, g.Grad];

    /// <inheritdoc/>
    public override IReadOnlyList<Value>? AsStandard(Node node, Rewriter r) => [r[node.Inputs[0]!]];
}
