namespace Nabi.Ops;

/// <summary>
/// ONNX <c>DequantizeLinear</c>: (x - zero point) scale. Inputs: integers x, scale (a scalar, a vector along <see cref="Axis"/>, or blocks), whose type
/// the output takes, optional zero point of the scale's shape and x's type. Differentiable with respect to a scalar or vector scale.
/// </summary>
public sealed record DequantizeLinear : Op
{
    /// <summary>The axis of a scale that is no scalar; negative counts from the end. Default 1.</summary>
    public int Axis { get; init; } = 1;

    /// <summary>Elements along the axis that share a scale; 0 for none. Default 0.</summary>
    public int BlockSize { get; init; }

    /// <inheritdoc/>
    public override bool IsDecoding => true;

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        if (x.Has(2) && !x.Shape(1).Accepts(x.Shape(2))) throw x.Fail($"the zero point has shape {x.Shape(2)} where the scale has {x.Shape(1)}");
        return new TensorType(x.Input(1).DType, x.Shape(0));
    }

    /// <inheritdoc/>
    public override DType UnrankedType(int index, InferContext x) => x.Input(1).DType;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var (data, scale) = (x.Input(0), x.Input(1).Cast(DType.Float64));
        var offsets = Affine.Offsets(data.Shape, scale.Shape, Axis, BlockSize);
        var (numbers, zero) = (data.ToInt64(), x.Integers(2));
        var result = Tensor.Empty(DType.Float64, data.Shape);
        for (var i = 0; i < offsets.Length; i++)
            result.Span<double>()[i] = Affine.Dequantize(numbers[i], scale.Span<double>()[offsets[i]], zero?[offsets[i]] ?? 0, x.Input(1).DType == DType.Float64);
        return result.Cast(x.Input(1).DType);
    }

    /// <inheritdoc/>
    public override void Couple(CouplingContext c)
    {
        c.TieAll(c.Input(0), c.Output());
        if (c.Input(1).Shape is not { IsKnown: true, Rank: 1, Count: > 1 }) return;
        c.Tie(c.Input(1), 0, c.Output(), Axis);
        c.Tie(c.Optional(2), 0, c.Output(), Axis);
    }

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var (b, scale) = (g.Builder, g.Input(1));
        if (BlockSize > 0) return [null, null, null];
        var centered = b.Cast(g.Input(0), scale.DType);
        if (g.Has(2)) centered = b.Sub(centered, b.AlongAxis(b.Cast(g.Input(2), scale.DType), centered, Axis));
        return [null, b.Reshape(b.SumTo(b.Mul(g.Grad, centered), b.AlongAxis(scale, centered, Axis)), scale.Shape), null];
    }
}
