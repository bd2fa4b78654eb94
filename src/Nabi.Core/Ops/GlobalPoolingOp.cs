namespace Nabi.Ops;

/// <summary>An operator that makes one number of each channel: [N, C, spatial] to [N, C, 1, ...].</summary>
public abstract record GlobalPoolingOp : Op
{
    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x) => new TensorType(x.Input(0).DType, Pooled(x.RequireRank(0, 2)));

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => new(0, x.Input(0).Count, x.BytesRead, x.BytesWritten);

    /// <summary>Folds the elements of every channel in double precision.</summary>
    protected static Tensor Pool(Tensor data, ReductionFold fold)
    {
        var result = Tensor.Empty(DType.Float64, Pooled(data.Shape));
        var inner = data.Shape.CountOf(2, data.Shape.Rank);
        var values = data.Cast(DType.Float64);
        for (var i = 0; i < result.Count; i++) result.Span<double>()[i] = fold(values.Span<double>().Slice(i * inner, inner));
        return result.Cast(data.DType);
    }

    private static Shape Pooled(Shape data)
    {
        var dims = data.Dims.ToArray();
        dims.AsSpan(2).Fill(1);
        return Shape.Create(dims);
    }

    /// <inheritdoc/>
    public override void Couple(CouplingContext c)
    {
        c.Tie(c.Input(0), 0, c.Output(), 0);
        c.Tie(c.Input(0), 1, c.Output(), 1);
    }
}
