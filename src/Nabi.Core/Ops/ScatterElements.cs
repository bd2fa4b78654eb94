namespace Nabi.Ops;

/// <summary>
/// ONNX <c>ScatterElements</c>: every update goes to its own place in the data, except along the axis, where the index says. Indices
/// and updates have one shape.
/// </summary>
public sealed record ScatterElements : ScatterOp
{
    /// <summary>The axis, -rank to rank - 1. Default 0.</summary>
    public int Axis { get; init; }

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var rank = x.RequireRank(0, 1).Rank;
        if (!x.RequireRank(1, rank, rank).Accepts(x.Shape(2))) throw x.Fail($"indices and updates have shapes {x.Shape(1)} and {x.Shape(2)}, which must be equal");
        x.Shape(0).Axis(Axis);
        return base.Infer(x);
    }

    /// <inheritdoc/>
    internal override int[] Places(Shape data, Tensor indices) => GatherElements.Places(data, data.Axis(Axis), indices);

    /// <inheritdoc/>
    internal override MovingOp Opposite => new GatherElements { Axis = Axis };
}
