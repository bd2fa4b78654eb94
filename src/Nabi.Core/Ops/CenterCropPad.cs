namespace Nabi.Ops;

/// <summary>
/// ONNX <c>CenterCropPad</c>: crops or pads with zeros to the sizes given as the second input, around the centre; of an odd difference
/// the smaller half is at the beginning.
/// </summary>
public sealed record CenterCropPad : MovingOp
{
    /// <summary>The axes the sizes are for; empty, the default, means all.</summary>
    public ValueArray<int> Axes { get; init; } = [];

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var (dtype, shape) = x.Input(0);
        var target = x.Integers(1);
        if (target is null && Axes.IsEmpty) return new TensorType(dtype, Shape.OfRank(shape.Rank));
        for (var i = 0; i < (target?.Length ?? Axes.Count); i++) shape = shape.With(AxisAt(shape, i), target is null ? Shape.Unknown : Shape.Dimension(target[i]));
        return new TensorType(dtype, shape);
    }

    /// <inheritdoc/>
    internal override Movement Moves(Shape data, EvalContext x)
    {
        var target = x.Integers(1)!;
        var maps = new int[]?[data.Rank];
        for (var i = 0; i < target.Length; i++)
        {
            var axis = AxisAt(data, i);
            var map = maps[axis] = new int[Shape.Dimension(target[i])];
            var start = map.Length > data[axis] ? -((map.Length - data[axis]) / 2) : (data[axis] - map.Length) / 2;
            for (var j = 0; j < map.Length; j++) map[j] = start + j >= 0 && start + j < data[axis] ? start + j : -1;
        }
        return Movement.Separable(data, maps);
    }

    private int AxisAt(Shape shape, int i) => shape.Axis(Axes.IsEmpty ? i : i < Axes.Count ? Axes[i] : throw new NabiException($"it has more sizes than the {Axes.Count} axes"));
}
