namespace Nabi.Ops;

/// <summary>A question about two tensors of one element type that broadcast; the answer is <see cref="DType.Bool"/>.</summary>
public abstract record ComparisonOp : Op
{
    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var (a, b) = (x.Input(0), x.Input(1));
        if (a.DType != b.DType) throw x.Fail($"its inputs are {a.DType} and {b.DType}, which must be equal");
        return new TensorType(DType.Bool, Shape.Broadcast(a.Shape, b.Shape));
    }

    /// <inheritdoc/>
    public override DType UnrankedType(int index, InferContext x) => DType.Bool;

    /// <inheritdoc/>
    public override void Couple(CouplingContext c)
    {
        c.TieBroadcast(c.Input(0), c.Output());
        c.TieBroadcast(c.Input(1), c.Output());
    }
}
