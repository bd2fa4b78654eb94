namespace Nabi.Ops;

/// <summary>An elementwise operator: the output has the input's type and shape.</summary>
public abstract record UnaryOp : Op
{
    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x) => x.Input(0);

    /// <inheritdoc/>
    public override void Couple(CouplingContext c) => c.TieAll(c.Input(0), c.Output());
}
