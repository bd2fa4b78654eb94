namespace Nabi.Ops;

/// <summary>
/// ONNX <c>OneHot</c>: indices, depth (a scalar), values [off, on]. The output has a new axis of size depth with the on value at the
/// index; negative indices count from the end, others out of range leave everything off.
/// </summary>
public sealed record OneHot : Op
{
    /// <summary>Place of the new axis in the output, -rank - 1 to rank. Default -1: the last.</summary>
    public int Axis { get; init; } = -1;

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x) => new TensorType(x.Input(2).DType,
        Spread(x.Shape(0), x.Constant(1) is { } depth ? (long)depth.Item() : Shape.Unknown));

    /// <inheritdoc/>
    public override DType UnrankedType(int index, InferContext x) => x.Input(2).DType;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var indices = x.Integers(0)!;
        var depth = Shape.Dimension((long)x.Input(1).Item());
        var shape = Spread(x.Input(0).Shape, depth);
        var inner = shape.CountOf(shape.Axis(Axis) + 1, shape.Rank);
        var sources = new int[shape.Count];
        for (var i = 0; i < indices.Length; i++)
        {
            var index = indices[i] < 0 ? indices[i] + depth : indices[i];
            if (index >= 0 && index < depth) sources[(i / inner * depth + (int)index) * inner + i % inner] = 1;
        }
        return new Movement(shape, sources).Take(x.Input(2));
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.Elementwise(0);

    private Shape Spread(Shape indices, long depth)
    {
        var axis = Shape.OfRank(indices.Rank + 1).Axis(Axis);
        return Shape.Create([.. indices.Dims[..axis], depth == Shape.Unknown ? Shape.Unknown : Shape.Dimension(depth), .. indices.Dims[axis..]]);
    }
}
