namespace Nabi.Ops;

/// <summary>
/// ONNX <c>Gather</c>: slices of the data along an axis, chosen by the indices. Output [data before axis, indices, data after axis].
/// Negative indices count from the end.
/// </summary>
public sealed record Gather : MovingOp
{
    /// <summary>The axis, -rank to rank - 1. Default 0.</summary>
    public int Axis { get; init; }

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var shape = x.RequireRank(0, 1);
        return x.Input(0) with { Shape = Gathered(shape, shape.Axis(Axis), x.Shape(1)) };
    }

    /// <inheritdoc/>
    internal override Movement Moves(Shape data, EvalContext x)
    {
        var axis = data.Axis(Axis);
        var indices = x.Integers(1)!;
        var map = Array.ConvertAll(indices, i => data.Index(i, axis));
        return Movement.Along(data, axis, map) with { Shape = Gathered(data, axis, x.Input(1).Shape) };
    }

    private static Shape Gathered(Shape data, int axis, Shape indices) =>
        Shape.Create([.. data.Dims[..axis], .. indices.Dims, .. data.Dims[(axis + 1)..]]);

    /// <inheritdoc/>
    public override void Couple(CouplingContext c)
    {
        var (x, y) = (c.Input(0), c.Output());
        if (!x.Shape.IsRanked) return;
        var axis = x.Shape.Axis(Axis);
        if (c.IsActivation(c.Input(1))) TieLookup(c, axis);
        if (c.Input(1).Constant is not { Shape.Rank: <= 1 } indices) return;
        var list = indices.ToInt64();
        if (indices.Shape.Rank == 1) c.Tie(y, axis, x, axis, i => (int)(list[i] < 0 ? list[i] + x.Shape[axis] : list[i]));
        for (var i = 0; i < x.Shape.Rank; i++)
            if (i != axis) c.Tie(x, i, y, i > axis ? i - 1 + indices.Shape.Rank : i);
    }

    // Rows of a table chosen by the input, as an embedding does: what a row holds may go, which rows there are may not.
    private static void TieLookup(CouplingContext c, int axis)
    {
        var (x, indices, y) = (c.Input(0), c.Input(1), c.Output());
        if (!indices.Shape.IsRanked) return;
        for (var i = 0; i < indices.Shape.Rank; i++) c.Tie(indices, i, y, axis + i);
        for (var i = 0; i < x.Shape.Rank; i++)
        {
            if (i == axis) continue;
            c.Tie(x, i, y, i > axis ? i - 1 + indices.Shape.Rank : i);
            if (!c.IsActivation(x)) c.SetRole(x, i, SliceRole.Output);
        }
    }

    /// <inheritdoc/>
    public override Op Narrow(NarrowContext n)
    {
        var (x, y) = (n.Node.Inputs[0]!, n.Node.Output);
        var axis = x.Shape.Axis(Axis);
        if (n.Kept(x, axis) is not { } kept) return this;
        var indices = n.Node.Inputs[1]!.Constant!.ToInt64();
        var stay = n.Kept(y, axis) ?? [.. Enumerable.Range(0, indices.Length)];
        n.Replace(1, Tensor.Vector<long>([.. stay.Select(i => (long)Array.IndexOf(kept, x.Shape.Index(indices[i], axis)))]));
        return this;
    }
}
