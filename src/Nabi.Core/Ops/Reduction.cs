namespace Nabi.Ops;

/// <summary>
/// A reduction over axes given as the optional second input (all axes when absent or empty, unless
/// <see cref="NoopWithEmptyAxes"/>).
/// </summary>
public abstract record Reduction : Op
{
    /// <summary>Keep reduced axes with size 1? Default true.</summary>
    public bool Keepdims { get; init; } = true;

    /// <summary>With empty axes, return the input unreduced instead of reducing everything. Default false.</summary>
    public bool NoopWithEmptyAxes { get; init; }

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var type = x.Input(0);
        if (x.Has(1) && x.Integers(1) is null) return TensorType.Unranked(type.DType);
        return new TensorType(type.DType, Reduced(type.Shape, Axes(type.Shape, x.Integers(1))));
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => new(0, x.Input(0).Count, x.BytesRead, x.BytesWritten);

    /// <summary>Is the result the same without elements that are zero? Default false.</summary>
    private protected virtual bool IsBlindToZeros => false;

    /// <inheritdoc/>
    public override void Couple(CouplingContext c)
    {
        var (x, y) = (c.Input(0), c.Output());
        if (!x.Shape.IsRanked || !y.Shape.IsRanked || (c.Optional(1) is { } given && given.Constant is null)) return;
        var axes = Axes(x.Shape, c.Optional(1)?.Constant?.ToInt64());
        for (int axis = 0, to = 0; axis < axes.Length; axis++)
        {
            if (!axes[axis]) c.Tie(x, axis, y, to);
            else if (IsBlindToZeros && CouplingContext.IsZeroWhenMasked(x)) c.Tie(x, axis, x, axis);
            if (!axes[axis] || Keepdims) to++;
        }
    }

    /// <summary>The axes to reduce, as one flag per axis.</summary>
    protected bool[] Axes(Shape shape, long[]? axes)
    {
        var flags = new bool[shape.Rank];
        if (axes is null or [])
            Array.Fill(flags, !(NoopWithEmptyAxes));
        else
            foreach (var axis in axes) flags[shape.Axis(axis)] = true;
        return flags;
    }

    /// <summary>Reads each output's elements, in row-major order of the reduced axes, and folds them in double precision.</summary>
    /// <param name="x">The context: input 0 is the data, input 1 the axes.</param>
    /// <param name="fold">The elements of one output to its value; integers up to 2^53 are exact.</param>
    protected Tensor Reduce(EvalContext x, ReductionFold fold)
    {
        var data = x.Input(0);
        var axes = Axes(data.Shape, x.Integers(1));
        var result = Tensor.Empty(DType.Float64, Reduced(data.Shape, axes));
        var values = data.Cast(DType.Float64);
        var groups = GroupOffsets(data.Shape, axes, out var inner);
        var buffer = new double[inner.Length];
        var to = result.Span<double>();
        for (var i = 0; i < groups.Length; i++)
        {
            var from = values.Span<double>();
            for (var j = 0; j < inner.Length; j++) buffer[j] = from[groups[i] + inner[j]];
            to[i] = fold(buffer);
        }
        return result.Cast(data.DType);
    }

    /// <summary>The incoming gradient, reshaped so that it broadcasts against the input.</summary>
    protected Value KeptGradient(GradientContext g) => Kept(g, g.Grad);

    /// <summary>A value of the output's shape, reshaped so that it broadcasts against the input.</summary>
    protected Value Kept(GradientContext g, Value value)
    {
        if (Keepdims) return value;
        var shape = g.Input(0).Shape;
        var axes = Axes(shape, g.Has(1) ? g.Input(1).Constant?.ToInt64() : null);
        var kept = new int[shape.Rank];
        for (var i = 0; i < kept.Length; i++) kept[i] = axes[i] ? 1 : shape[i];
        return g.Builder.Reshape(value, Shape.Create(kept));
    }

    /// <summary>How many elements each output reads, as a value that broadcasts against the input, also when dimensions are unknown.</summary>
    protected Value ReducedCount(GradientContext g)
    {
        var (b, x, axes) = (g.Builder, g.Input(0), g.Has(1) ? g.Input(1) : null);
        if (x.Shape.IsKnown && (axes is null || axes.Constant is not null))
        {
            var flags = Axes(x.Shape, axes?.Constant?.ToInt64());
            var count = 1;
            for (var i = 0; i < flags.Length; i++) count *= flags[i] ? x.Shape[i] : 1;
            return b.Scalar(count, x);
        }
        return b.Apply(new ReduceSum { NoopWithEmptyAxes = NoopWithEmptyAxes }, b.OnesLike(x), axes);
    }

    /// <summary>The gradient of a largest or smallest element: all elements equal to the output share it equally.</summary>
    protected IReadOnlyList<Value?> ExtremumGradient(GradientContext g)
    {
        var (b, x, axes) = (g.Builder, g.Input(0), g.Has(1) ? g.Input(1) : null);
        var chosen = b.Cast(b.Equal(x, Kept(g, g.Output())), x.DType);
        var ties = b.Apply(new ReduceSum { NoopWithEmptyAxes = NoopWithEmptyAxes }, chosen, axes);
        return [b.Mul(chosen, b.Div(KeptGradient(g), ties))];
    }

    private Shape Reduced(Shape shape, bool[] axes)
    {
        var dims = new List<int>();
        for (var i = 0; i < shape.Rank; i++)
        {
            if (!axes[i]) dims.Add(shape[i]);
            else if (Keepdims) dims.Add(1);
        }
        return Shape.Create(dims.ToArray());
    }

    private static int[] GroupOffsets(Shape shape, bool[] axes, out int[] inner)
    {
        int[] outer = [0];
        inner = [0];
        var strides = shape.Strides();
        for (var axis = 0; axis < shape.Rank; axis++)
        {
            if (axes[axis]) inner = Stepped(inner, shape[axis], strides[axis]);
            else outer = Stepped(outer, shape[axis], strides[axis]);
        }
        return outer;
    }

    private static int[] Stepped(int[] offsets, int count, int stride)
    {
        var next = new int[offsets.Length * count];
        for (var i = 0; i < next.Length; i++) next[i] = offsets[i / count] + i % count * stride;
        return next;
    }
}

/// <summary>Folds the elements that one output of a reduction reads.</summary>
public delegate double ReductionFold(ReadOnlySpan<double> elements);
