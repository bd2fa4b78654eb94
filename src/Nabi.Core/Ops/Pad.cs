namespace Nabi.Ops;

/// <summary>
/// ONNX <c>Pad</c>: data, pads (all begins, then all ends; negative ones crop), optional fill value, optional axes the pads are for.
/// </summary>
public sealed record Pad : MovingOp
{
    /// <summary>
    /// What stands in the padding: <c>constant</c> the fill value, <c>reflect</c> the data mirrored at its border elements,
    /// <c>edge</c> the nearest border element, <c>wrap</c> the data repeated. Default <c>constant</c>.
    /// </summary>
    public string Mode { get; init; } = "constant";

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var (dtype, shape) = x.Input(0);
        if (Mode is not ("constant" or "reflect" or "edge" or "wrap")) throw x.Fail($"mode '{Mode}' is not one of constant, reflect, edge, wrap");
        if (x.Integers(1) is not { } pads || (x.Has(3) && x.Constant(3) is null)) return new TensorType(dtype, Shape.OfRank(shape.Rank));
        var dims = shape.Dims.ToArray();
        var amounts = Amounts(shape, pads, x.Integers(3));
        for (var axis = 0; axis < dims.Length; axis++)
            if (dims[axis] != Shape.Unknown) dims[axis] = Padded(shape, axis, amounts[axis]);
        return new TensorType(dtype, Shape.Create(dims));
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Moves(x.Input(0).Shape, x).Take(x.Input(0), x.Optional(2));

    /// <inheritdoc/>
    internal override Movement Moves(Shape data, EvalContext x)
    {
        var amounts = Amounts(data, x.Integers(1)!, x.Integers(3));
        var maps = new int[]?[data.Rank];
        for (var axis = 0; axis < maps.Length; axis++)
        {
            if (amounts[axis] == (0, 0)) continue;
            var map = maps[axis] = new int[Padded(data, axis, amounts[axis])];
            if (data[axis] == 0 && map.Length > 0 && Mode != "constant") throw new NabiException($"axis {axis} is empty, so mode '{Mode}' has nothing to pad with");
            for (var i = 0; i < map.Length; i++) map[i] = Source(i - amounts[axis].Begin, data[axis]);
        }
        return Movement.Separable(data, maps);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        if (Mode != "constant" || g.Input(1).Constant is not { } pads) return base.Gradient(g);
        var negative = Array.ConvertAll(pads.ToInt64(), p => -p);
        var rest = g.Node.Inputs.Skip(1).Select(_ => (Value?)null);
        // Cropping undoes constant padding, and padding with zeros is the gradient of cropping.
        return [g.Builder.Apply(new Pad(), g.Grad, g.Builder.Integers(negative), null, g.Has(3) ? g.Input(3) : null), .. rest];
    }

    /// <summary>Padding before and after per axis.</summary>
    /// <exception cref="NabiException">There are not two pads per axis.</exception>
    internal static (long Begin, long End)[] Amounts(Shape shape, long[] pads, long[]? axes)
    {
        var count = axes?.Length ?? shape.Rank;
        if (pads.Length != 2 * count) throw new NabiException($"it has {pads.Length} pads for {count} axes, which need {2 * count}");
        var amounts = new (long, long)[shape.Rank];
        foreach (var pad in pads)
            if (pad is < -int.MaxValue or > int.MaxValue) throw new NabiException($"a pad of {pad} is not supported");
        for (var i = 0; i < count; i++) amounts[axes is null ? i : shape.Axis(axes[i])] = (pads[i], pads[i + count]);
        return amounts;
    }

    private static int Padded(Shape shape, int axis, (long Begin, long End) amount) => Shape.Dimension(shape[axis] + amount.Begin + amount.End);

    private int Source(long at, int size)
    {
        if (at >= 0 && at < size) return (int)at;
        switch (Mode)
        {
            case "edge": return (int)Math.Clamp(at, 0, size - 1);
            case "wrap": return (int)(((at % size) + size) % size);
            case "reflect":
                if (size == 1) return 0;
                var period = 2L * (size - 1);
                var phase = ((at % period) + period) % period;
                return (int)Math.Min(phase, period - phase);
            default: return -1;
        }
    }

    /// <inheritdoc/>
    public override void Couple(CouplingContext c)
    {
        var (x, y) = (c.Input(0), c.Output());
        if (!x.Shape.IsRanked || c.Input(1).Constant is not { } pads || (c.Optional(3) is { } axes && axes.Constant is null)) return;
        var amounts = Amounts(x.Shape, pads.ToInt64(), c.Optional(3)?.Constant?.ToInt64());
        for (var axis = 0; axis < amounts.Length; axis++)
            if (Mode == "constant" || amounts[axis] == (0, 0)) c.Tie(x, axis, y, axis, (int)amounts[axis].Begin);
    }

    /// <inheritdoc/>
    public override Op Narrow(NarrowContext n)
    {
        var (x, y) = (n.Node.Inputs[0]!, n.Node.Output);
        var axes = n.Node.Inputs.Count > 3 ? n.Node.Inputs[3]?.Constant?.ToInt64() : null;
        var pads = n.Node.Inputs[1]!.Constant!.ToInt64();
        for (var i = 0; i < pads.Length / 2; i++)
        {
            var axis = axes is null ? i : x.Shape.Axis(axes[i]);
            if (!n.Narrows(x, axis) && !n.Narrows(y, axis)) continue;
            ref var begin = ref pads[i];
            ref var end = ref pads[i + pads.Length / 2];
            var last = (int)(y.Shape[axis] - end);
            end = end > 0 ? n.CountKept(y, axis, last, y.Shape[axis]) : -n.CountKept(x, axis, (int)(x.Shape[axis] + end), x.Shape[axis]);
            begin = begin > 0 ? n.CountKept(y, axis, 0, (int)begin) : -n.CountKept(x, axis, 0, (int)-begin);
        }
        n.Replace(1, Tensor.Vector<long>(pads));
        return this;
    }
}
