using Nabi.Ops;

namespace Nabi;

/// <summary>Short names for the operators that move elements.</summary>
public sealed partial class GraphBuilder
{
    /// <summary>The inputs one behind the other along an axis.</summary>
    public Value Concat(int axis, params Value[] values) => Apply(new Concat(axis), values);

    /// <summary>Consecutive parts of the given sizes along an axis.</summary>
    public IReadOnlyList<Value> Split(Value x, int axis, params ReadOnlySpan<long> sizes) =>
        ApplyAll(new Split { Axis = axis }, sizes.Length, x, Integers(sizes));

    /// <summary>Indices <paramref name="start"/> to before <paramref name="end"/> of one axis; negative ones count from the end.</summary>
    public Value Slice(Value x, int axis, long start, long end = long.MaxValue, long step = 1) => step == 1
        ? Apply(new Slice(), x, Integers(start), Integers(end), Integers(axis))
        : Apply(new Slice(), x, Integers(start), Integers(end), Integers(axis), Integers(step));

    /// <summary>Drops axes of size 1.</summary>
    public Value Squeeze(Value x, params ReadOnlySpan<int> axes) => Apply(new Squeeze(), x, Axes(axes));

    /// <summary>Inserts axes of size 1 at the given places of the output.</summary>
    public Value Unsqueeze(Value x, params ReadOnlySpan<int> axes) => Apply(new Unsqueeze(), x, Axes(axes));

    /// <summary>A matrix: the axes before <paramref name="axis"/> are its rows, the rest its columns.</summary>
    public Value Flatten(Value x, int axis = 1) => Apply(new Flatten { Axis = axis }, x);

    /// <summary>Slices along an axis chosen by integer indices.</summary>
    public Value Gather(Value x, Value indices, int axis = 0) => Apply(new Gather { Axis = axis }, x, indices);

    /// <summary>Padding with zeros: all begins, then all ends, one per axis; negative ones crop.</summary>
    public Value Pad(Value x, params ReadOnlySpan<long> pads) => Apply(new Pad(), x, Integers(pads));

    /// <summary>The data repeated along every axis.</summary>
    public Value Tile(Value x, params ReadOnlySpan<long> repeats) => Apply(new Tile(), x, Integers(repeats));

    /// <summary>The shape as Int64 numbers: a constant when it is known.</summary>
    public Value ShapeOf(Value x) => x.Shape.IsKnown
        ? Integers(Array.ConvertAll(x.Shape.Dims.ToArray(), d => (long)d))
        : Apply(new ShapeOf(), x);

    /// <summary>The elements under the shape of <paramref name="like"/>, however much of it is known.</summary>
    public Value ReshapeLike(Value x, Value like)
    {
        var unknown = 0;
        if (like.Shape.IsRanked)
            foreach (var dim in like.Shape.Dims) unknown += dim == Shape.Unknown ? 1 : 0;
        return like.Shape.IsRanked && unknown <= 1 ? Reshape(x, like.Shape) : Apply(new Reshape(), x, ShapeOf(like));
    }
}
