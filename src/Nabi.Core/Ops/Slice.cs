namespace Nabi.Ops;

/// <summary>
/// ONNX <c>Slice</c>: data, starts, ends, optional axes (default the first ones), optional steps (default 1). Negative starts and ends
/// count from the end, anything beyond is clamped; negative steps go backwards.
/// </summary>
public sealed record Slice : MovingOp
{
    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var (dtype, shape) = x.Input(0);
        var (starts, ends, axes, steps) = (x.Integers(1), x.Integers(2), x.Integers(3), x.Integers(4));
        if (x.Has(3) ? axes is null : starts is null) return new TensorType(dtype, Shape.OfRank(shape.Rank));
        var known = starts is not null && ends is not null && (steps is not null || !x.Has(4));
        if (known) return new TensorType(dtype, Sliced(shape, Ranges(shape, starts!, ends!, axes, steps)));
        foreach (var axis in axes ?? FirstAxes(starts!.Length)) shape = shape.With(shape.Axis(axis), Shape.Unknown);
        return new TensorType(dtype, shape);
    }

    /// <inheritdoc/>
    internal override Movement Moves(Shape data, EvalContext x)
    {
        var ranges = Ranges(data, x.Integers(1)!, x.Integers(2)!, x.Integers(3), x.Integers(4));
        var maps = new int[]?[data.Rank];
        for (var axis = 0; axis < maps.Length; axis++)
        {
            if (ranges[axis] is not { } range) continue;
            var map = maps[axis] = new int[range.Count];
            for (var i = 0; i < map.Length; i++) map[i] = range.Start + i * range.Step;
        }
        return Movement.Separable(data, maps);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var shape = g.Input(0).Shape;
        if (Constants(g) is not { } c || Ranges(shape, c.Starts, c.Ends, c.Axes, c.Steps) is not { } ranges || !ArePads(shape, ranges))
            return base.Gradient(g);
        var pads = new long[2 * shape.Rank];
        for (var axis = 0; axis < shape.Rank; axis++)
        {
            if (ranges[axis] is not { } range) continue;
            pads[axis] = range.Start;
            pads[axis + shape.Rank] = shape[axis] - range.Start - range.Count;
        }
        return [g.Builder.Pad(g.Grad, pads), .. g.Node.Inputs.Skip(1).Select(_ => (Value?)null)];
    }

    /// <inheritdoc/>
    public override void Couple(CouplingContext c)
    {
        if (!c.Input(0).Shape.IsRanked || c.Node.Inputs.Skip(1).Any(v => v is not null && v.Constant is null)) return;
        var ranges = RangesOf(c.Node);
        for (var axis = 0; axis < ranges.Length; axis++)
            if (ranges[axis] is not { } range || range.Step == 1) c.Tie(c.Input(0), axis, c.Output(), axis, -(ranges[axis]?.Start ?? 0));
    }

    /// <inheritdoc/>
    public override Op Narrow(NarrowContext n)
    {
        var (starts, ends) = (n.Node.Inputs[1]!.Constant!.ToInt64(), n.Node.Inputs[2]!.Constant!.ToInt64());
        var axes = (n.Node.Inputs.Count > 3 ? n.Node.Inputs[3]?.Constant?.ToInt64() : null) ?? FirstAxes(starts.Length);
        var (x, ranges) = (n.Node.Inputs[0]!, RangesOf(n.Node));
        for (var i = 0; i < axes.Length; i++)
        {
            var axis = x.Shape.Axis(axes[i]);
            if (!n.Narrows(x, axis) || ranges[axis] is not { } range) continue;
            starts[i] = n.CountKept(x, axis, 0, range.Start);
            ends[i] = starts[i] + n.CountKept(x, axis, range.Start, range.Start + range.Count);
        }
        n.Replace(1, Tensor.Vector<long>(starts));
        n.Replace(2, Tensor.Vector<long>(ends));
        return this;
    }

    private static SliceRange?[] RangesOf(Node node)
    {
        long[]? List(int i) => i < node.Inputs.Count ? node.Inputs[i]?.Constant?.ToInt64() : null;
        return Ranges(node.Inputs[0]!.Shape, List(1)!, List(2)!, List(3), List(4));
    }

    /// <summary>What is taken per axis; null where an axis is not sliced.</summary>
    /// <exception cref="NabiException">The lists differ in length, a step is 0, or an axis is out of range or given twice.</exception>
    internal static SliceRange?[] Ranges(Shape shape, long[] starts, long[] ends, long[]? axes, long[]? steps)
    {
        axes ??= FirstAxes(starts.Length);
        if (ends.Length != starts.Length || axes.Length != starts.Length || (steps is not null && steps.Length != starts.Length))
            throw new NabiException($"it has {starts.Length} starts, {ends.Length} ends, {axes.Length} axes and {steps?.Length ?? starts.Length} steps, which must be as many");
        var ranges = new SliceRange?[shape.Rank];
        for (var i = 0; i < axes.Length; i++)
        {
            var axis = shape.Axis(axes[i]);
            if (ranges[axis] is not null) throw new NabiException($"axis {axis} is sliced twice");
            ranges[axis] = SliceRange.Of(shape[axis], starts[i], ends[i], steps?[i] ?? 1);
        }
        return ranges;
    }

    private static bool ArePads(Shape shape, SliceRange?[] ranges)
    {
        for (var axis = 0; axis < ranges.Length; axis++)
            if (ranges[axis] is { } range && (range.Step != 1 || shape[axis] == Shape.Unknown)) return false;
        return true;
    }

    private static (long[] Starts, long[] Ends, long[]? Axes, long[]? Steps)? Constants(GradientContext g)
    {
        var lists = new long[]?[5];
        for (var i = 1; i < 5; i++)
            if (g.Has(i) && (lists[i] = g.Input(i).Constant?.ToInt64()) is null) return null;
        return (lists[1]!, lists[2]!, lists[3], lists[4]);
    }

    private static Shape Sliced(Shape shape, SliceRange?[] ranges)
    {
        var dims = shape.Dims.ToArray();
        for (var axis = 0; axis < dims.Length; axis++) dims[axis] = ranges[axis]?.Count ?? dims[axis];
        return Shape.Create(dims);
    }

    private static long[] FirstAxes(int count)
    {
        var axes = new long[count];
        for (var i = 0; i < count; i++) axes[i] = i;
        return axes;
    }
}

/// <summary>What a slice takes of one axis, clamped to it.</summary>
/// <param name="Start">First index.</param>
/// <param name="Step">Distance to the next.</param>
/// <param name="Count">How many; <see cref="Shape.Unknown"/> when the axis's size is not known.</param>
internal readonly record struct SliceRange(int Start, int Step, int Count)
{
    public static SliceRange Of(int size, long start, long end, long step)
    {
        if (step is 0) throw new NabiException("a step of 0 is not possible");
        if (size == Shape.Unknown) return new SliceRange(0, 1, start == 0 && end == 0 ? 0 : Shape.Unknown);
        if (size == 0) return new SliceRange(0, 1, 0);
        start = FromEnd(start, size);
        end = FromEnd(end, size);
        (start, end) = step > 0
            ? (Math.Clamp(start, 0, size), Math.Clamp(end, 0, size))
            : (Math.Clamp(start, 0, size - 1), Math.Clamp(end, -1, size - 1));
        // A step beyond the axis reaches only the first index, whatever its size.
        step = Math.Clamp(step, -size - 1L, size + 1L);
        var count = step > 0 ? (end - start + step - 1) / step : (start - end - step - 1) / -step;
        return new SliceRange((int)start, (int)step, (int)Math.Max(0, count));
    }

    private static long FromEnd(long index, int size) => index < 0 ? Math.Max(index, long.MinValue + int.MaxValue) + size : index;
}
