namespace Nabi.Ops;

/// <summary>
/// An operator that computes nothing: every output element is one element of input 0, or a fill value. It works for every element
/// type, and its gradient adds each element back to its source.
/// </summary>
public abstract record MovingOp : Op
{
    /// <summary>Where the output's elements come from.</summary>
    /// <param name="data">Shape of input 0, whose elements the answer must not depend on.</param>
    /// <param name="x">The other inputs.</param>
    internal abstract Movement Moves(Shape data, EvalContext x);

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Moves(x.Input(0).Shape, x).Take(x.Input(0));

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.Elementwise(0);

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var inputs = g.Node.Inputs;
        return [g.Builder.Apply(new MoveGradient(this), [g.Grad, g.Builder.ShapeOf(g.Input(0)), .. inputs.Skip(1)]), .. inputs.Skip(1).Select(_ => (Value?)null)];
    }
}
