namespace Nabi.Ops;

/// <summary>
/// ONNX <c>GatherND</c>: the last axis of the indices holds coordinates into the data after <see cref="BatchDims"/> axes that both share;
/// each chooses an element or, when it is shorter than the data's rank, a slice.
/// </summary>
public sealed record GatherND : MovingOp
{
    /// <summary>Leading axes that data and indices share. Default 0.</summary>
    public int BatchDims { get; init; }

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var (data, indices) = (x.RequireRank(0, 1), x.RequireRank(1, 1));
        return x.Input(0) with { Shape = indices[-1] == Shape.Unknown ? Shape.Unranked : Gathered(data, indices) };
    }

    /// <inheritdoc/>
    internal override Movement Moves(Shape data, EvalContext x)
    {
        var indices = x.Input(1);
        return new Movement(Gathered(data, indices.Shape), Places(data, indices, BatchDims));
    }

    /// <summary>The offset of every data element that the indices choose, slice after slice.</summary>
    internal static int[] Places(Shape data, Tensor indices, int batchDims)
    {
        var depth = indices.Shape[-1];
        var numbers = indices.ToInt64();
        var strides = data.Strides();
        var slice = data.CountOf(batchDims + depth, data.Rank);
        var tuples = indices.Shape.CountOf(0, indices.Shape.Rank - 1);
        var tuplesPerBatch = indices.Shape.CountOf(batchDims, indices.Shape.Rank - 1);
        var batchStride = data.CountOf(batchDims, data.Rank);
        var places = new int[Shape.Dimension((long)tuples * slice)];
        for (int t = 0, n = 0; t < tuples; t++)
        {
            var start = t / tuplesPerBatch * batchStride;
            for (var d = 0; d < depth; d++) start += strides[batchDims + d] * data.Index(numbers[t * depth + d], batchDims + d);
            for (var i = 0; i < slice; i++) places[n++] = start + i;
        }
        return places;
    }

    /// <summary>Shared axes go with shared axes, and what a chosen slice holds with what the data holds there.</summary>
    public override void Couple(CouplingContext c)
    {
        var (x, indices, y) = (c.Input(0), c.Input(1), c.Output());
        if (!x.Shape.IsRanked || !indices.Shape.IsRanked || indices.Shape[-1] == Shape.Unknown) return;
        for (var i = 0; i < BatchDims; i++) c.Tie(x, i, y, i);
        for (var i = 0; i < indices.Shape.Rank - 1; i++) c.Tie(indices, i, y, i);
        for (var i = BatchDims + indices.Shape[-1]; i < x.Shape.Rank; i++) c.Tie(x, i, y, i - x.Shape.Rank);
    }

    private Shape Gathered(Shape data, Shape indices)
    {
        var depth = indices[-1];
        if (BatchDims < 0 || BatchDims >= indices.Rank || BatchDims + depth > data.Rank)
            throw new NabiException($"indices of shape {indices} with {BatchDims} batch dimensions do not address data of shape {data}");
        if (!Shape.Create(data.Dims[..BatchDims]).Accepts(Shape.Create(indices.Dims[..BatchDims])))
            throw new NabiException($"data of shape {data} and indices of shape {indices} differ in their {BatchDims} batch dimensions");
        return Shape.Create([.. indices.Dims[..^1], .. data.Dims[(BatchDims + depth)..]]);
    }
}
