namespace Nabi.Ops;

/// <summary>ONNX <c>Tile</c>: the data repeated along every axis as often as the second input says.</summary>
public sealed record Tile : MovingOp
{
    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var (dtype, shape) = x.Input(0);
        if (x.Integers(1) is not { } repeats) return new TensorType(dtype, Shape.OfRank(shape.Rank));
        var dims = shape.Dims.ToArray();
        Check(shape, repeats);
        for (var i = 0; i < dims.Length; i++)
            if (dims[i] != Shape.Unknown) dims[i] = Shape.Dimension(dims[i] * repeats[i]);
        return new TensorType(dtype, Shape.Create(dims));
    }

    /// <inheritdoc/>
    internal override Movement Moves(Shape data, EvalContext x)
    {
        var repeats = x.Integers(1)!;
        Check(data, repeats);
        var maps = new int[]?[data.Rank];
        for (var axis = 0; axis < maps.Length; axis++)
        {
            var map = maps[axis] = new int[Shape.Dimension(data[axis] * repeats[axis])];
            for (var i = 0; i < map.Length; i++) map[i] = i % data[axis];
        }
        return Movement.Separable(data, maps);
    }

    private static void Check(Shape shape, long[] repeats)
    {
        if (repeats.Length != shape.Rank) throw new NabiException($"it has {repeats.Length} repeats for shape {shape}");
        foreach (var count in repeats)
            if (count is < 0 or > int.MaxValue) throw new NabiException($"{count} repeats are not possible");
    }
}
