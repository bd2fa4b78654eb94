namespace Nabi.Ops;

/// <summary>
/// ONNX <c>MaxUnpool</c>: puts every element back where <see cref="MaxPool"/> took it from; the rest is 0. Inputs: X [N, C, windows], indices of X's
/// shape (Int64) and optionally the output's shape. Indices count the elements of the output that window and X's shape give; a larger
/// output shape adds zeros at the ends.
/// </summary>
public sealed record MaxUnpool : Op
{
    /// <summary>The window of the pooling, with its kernel's size.</summary>
    public Window Window { get; init; } = new();

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var shape = x.RequireRank(0, 3);
        if (!shape.Accepts(x.Shape(1))) throw x.Fail($"indices {x.Shape(1)} do not fit the input {shape}");
        if (x.Has(2) && x.Integers(2) is null) return TensorType.Unranked(x.Input(0).DType);
        return new TensorType(x.Input(0).DType, x.Integers(2) is { } given ? Larger(Unpooled(shape), Shape.From(given)) : Unpooled(shape));
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var (data, indices) = (x.Input(0), x.Input(1).ToInt64());
        var natural = Unpooled(data.Shape);
        var result = Tensor.Zeros(DType.Float64, x.Integers(2) is { } given ? Larger(natural, Shape.From(given)) : natural);
        var (own, strides) = (natural.Strides(), result.Shape.Strides());
        var values = data.Cast(DType.Float64);
        for (var i = 0; i < indices.Length; i++)
        {
            if (indices[i] < 0 || indices[i] >= natural.Count) throw new NabiException($"index {indices[i]} is outside the {natural.Count} elements of {natural}");
            var (rest, at) = ((int)indices[i], 0);
            for (var axis = 0; axis < own.Length; axis++) (at, rest) = (at + rest / own[axis] * strides[axis], rest % own[axis]);
            result.Span<double>()[at] = values.Span<double>()[i];
        }
        return result.Cast(data.DType);
    }

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var b = g.Builder;
        var (grad, natural) = (g.Grad, Unpooled(g.Input(0).Shape));
        for (var axis = 0; axis < natural.Rank; axis++)
            if (g.Has(2) && natural[axis] != Shape.Unknown) grad = b.Slice(grad, axis, 0, natural[axis]);
        return [b.Gather(b.Reshape(grad, [Shape.Unknown]), g.Input(1)), null, null];
    }

    private Shape Unpooled(Shape shape)
    {
        var sides = Window.Sides(shape.Dims[2..], default);
        var dims = shape.Dims.ToArray();
        for (var i = 0; i < sides.Rank; i++)
            if (dims[i + 2] != Shape.Unknown)
                dims[i + 2] = Ops.Window.Size(Math.Max(0, (dims[i + 2] - 1L) * sides.Strides[i] + sides.Kernel[i] - sides.PadBegin[i] - sides.PadEnd[i]));
        return Shape.Create(dims);
    }

    private static Shape Larger(Shape natural, Shape given)
    {
        if (given.Rank != natural.Rank) throw new NabiException($"the output's shape {given} has not the rank of {natural}");
        for (var i = 0; i < natural.Rank; i++)
            if (given[i] < natural[i] && given[i] != Shape.Unknown) throw new NabiException($"the output's shape {given} is smaller than {natural}, which window and input give");
        return given;
    }
}
