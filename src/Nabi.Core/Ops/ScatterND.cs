namespace Nabi.Ops;

/// <summary>
/// ONNX <c>ScatterND</c>: the last axis of the indices holds coordinates into the data, each of which takes one element of the updates
/// or, when it is shorter than the data's rank, one slice. Updates have shape [indices before the last axis, data after the coordinates].
/// </summary>
public sealed record ScatterND : ScatterOp
{
    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var (data, indices) = (x.RequireRank(0, 1), x.RequireRank(1, 1));
        if (indices[-1] > data.Rank) throw x.Fail($"indices of shape {indices} do not address data of shape {data}");
        return base.Infer(x);
    }

    /// <inheritdoc/>
    internal override int[] Places(Shape data, Tensor indices) => GatherND.Places(data, indices, 0);

    /// <inheritdoc/>
    internal override MovingOp Opposite => new GatherND();
}
