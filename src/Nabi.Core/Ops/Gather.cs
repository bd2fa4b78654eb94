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
}
