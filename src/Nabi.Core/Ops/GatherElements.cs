namespace Nabi.Ops;

/// <summary>
/// ONNX <c>GatherElements</c>: for every place in the indices, the data element at the same place except along the axis, where the
/// index says. The output has the shape of the indices.
/// </summary>
public sealed record GatherElements : MovingOp
{
    /// <summary>The axis, -rank to rank - 1. Default 0.</summary>
    public int Axis { get; init; }

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var rank = x.RequireRank(0, 1).Rank;
        return x.Input(0) with { Shape = x.RequireRank(1, rank, rank) };
    }

    /// <inheritdoc/>
    internal override Movement Moves(Shape data, EvalContext x)
    {
        var indices = x.Input(1);
        return new Movement(indices.Shape, Places(data, data.Axis(Axis), indices));
    }

    /// <summary>For every index element, the offset in the data that it points at.</summary>
    /// <exception cref="NabiException">The indices reach beyond the data.</exception>
    internal static int[] Places(Shape data, int axis, Tensor indices)
    {
        var numbers = indices.ToInt64();
        var strides = data.Strides();
        for (var i = 0; i < data.Rank; i++)
            if (i != axis && indices.Shape[i] > data[i]) throw new NabiException($"indices of shape {indices.Shape} reach beyond data of shape {data} along axis {i}");
        var places = new int[numbers.Length];
        var at = new int[data.Rank];
        for (var n = 0; n < places.Length; n++)
        {
            for (var i = 0; i < at.Length; i++) places[n] += strides[i] * (i == axis ? data.Index(numbers[n], axis) : at[i]);
            for (var i = at.Length - 1; i >= 0 && ++at[i] == indices.Shape[i]; i--) at[i] = 0;
        }
        return places;
    }
}
