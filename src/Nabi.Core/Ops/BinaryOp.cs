namespace Nabi.Ops;

/// <summary>An arithmetic operator over two tensors of one element type that broadcast to the output.</summary>
public abstract record BinaryOp : Op
{
    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var (a, b) = (x.Input(0), x.Input(1));
        if (a.DType != b.DType) throw x.Fail($"its inputs are {a.DType} and {b.DType}, which must be equal");
        return new TensorType(a.DType, Shape.Broadcast(a.Shape, b.Shape));
    }

    /// <inheritdoc/>
    public override void Couple(CouplingContext c)
    {
        c.TieBroadcast(c.Input(0), c.Output());
        c.TieBroadcast(c.Input(1), c.Output());
    }
}
