namespace Nabi.Ops;

/// <summary>
/// ONNX <c>Split</c>: consecutive parts along an axis. Their sizes are the optional second input; without it the parts are equal,
/// the last one smaller when the dimension does not divide.
/// </summary>
public sealed record Split : Op
{
    /// <summary>The axis, -rank to rank - 1. Default 0.</summary>
    public int Axis { get; init; }

    /// <summary>Number of equal parts when there is no second input; 0, the default, means as many as the node has outputs.</summary>
    public int NumOutputs { get; init; }

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var (dtype, shape) = x.Input(0);
        var axis = shape.Axis(Axis);
        var count = x.OutputCount;
        var types = new TensorType[count];
        if (x.Has(1) ? x.Constant(1) is null : shape[axis] == Shape.Unknown)
        {
            Array.Fill(types, new TensorType(dtype, shape.With(axis, Shape.Unknown)));
            return types;
        }
        var sizes = Sizes(shape[axis], x.Integers(1), count);
        for (var i = 0; i < count; i++) types[i] = new TensorType(dtype, shape.With(axis, sizes[i]));
        return types;
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var data = x.Input(0);
        var axis = data.Shape.Axis(Axis);
        var sizes = Sizes(data.Shape[axis], x.Integers(1), x.OutputCount);
        var parts = new Tensor[sizes.Length];
        for (int i = 0, start = 0; i < sizes.Length; start += sizes[i], i++)
        {
            var map = new int[sizes[i]];
            for (var j = 0; j < map.Length; j++) map[j] = start + j;
            parts[i] = Movement.Along(data.Shape, axis, map).Take(data);
        }
        return parts;
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => new(0, 0, x.BytesRead, x.BytesWritten);

    /// <inheritdoc/>
    public override void Couple(CouplingContext c)
    {
        var x = c.Input(0);
        if (!x.Shape.IsRanked || (c.Optional(1) is { } sizes && sizes.Constant is null)) return;
        var (axis, offset) = (x.Shape.Axis(Axis), 0);
        foreach (var output in c.Node.Outputs)
        {
            c.TieAll(x, output, except: axis);
            if (output.Shape[axis] == Shape.Unknown) return;
            c.Tie(x, axis, output, axis, -offset);
            offset += output.Shape[axis];
        }
    }

    /// <inheritdoc/>
    public override Op Narrow(NarrowContext n)
    {
        var axis = n.Node.Inputs[0]!.Shape.Axis(Axis);
        if (!n.Narrows(n.Node.Inputs[0], axis)) return this;
        n.Replace(1, Tensor.Vector<long>([.. n.Node.Outputs.Select(o => (long)n.Size(o, axis))]));
        return this with { NumOutputs = 0 };
    }

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var parts = new Value[g.Node.Outputs.Count];
        for (var i = 0; i < parts.Length; i++) parts[i] = g.GradOrZero(i);
        var gradient = g.Builder.Concat(Axis, parts);
        return g.Has(1) ? [gradient, null] : [gradient];
    }

    // With given sizes the data's dimension may be unknown: then only their number is checked.
    private int[] Sizes(int dim, long[]? given, int outputs)
    {
        var sizes = new int[given?.Length ?? (NumOutputs > 0 ? NumOutputs : outputs)];
        if (sizes.Length != outputs) throw new NabiException($"it splits into {sizes.Length} parts but has {outputs} outputs");
        if (given is null)
        {
            var size = (dim + outputs - 1) / outputs;
            for (var i = 0; i < outputs; i++) sizes[i] = Math.Clamp(dim - i * size, 0, size);
            return sizes;
        }
        var total = 0L;
        for (var i = 0; i < outputs; i++)
        {
            if (given[i] is < 0 or > int.MaxValue) throw new NabiException($"a part of size {given[i]} is not possible");
            sizes[i] = (int)given[i];
            total += given[i];
        }
        return dim == Shape.Unknown || total == dim ? sizes
            : throw new NabiException($"the parts [{string.Join(", ", given)}] add up to {total}, not to the {dim} there are");
    }
}
