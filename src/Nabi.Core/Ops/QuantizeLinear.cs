namespace Nabi.Ops;

/// <summary>
/// ONNX <c>QuantizeLinear</c>: saturate(round(x / scale) + zero point), ties to even. Inputs: x, scale (a scalar, a vector along <see cref="Axis"/>, or blocks),
/// optional zero point of the scale's shape, whose type the output takes (UInt8 when absent).
/// Not differentiable; train with <see cref="FakeQuantize"/>.
/// </summary>
public sealed record QuantizeLinear : Op
{
    /// <summary>The axis of a scale that is no scalar; negative counts from the end. Default 1.</summary>
    public int Axis { get; init; } = 1;

    /// <summary>Elements along the axis that share a scale; 0 for none. Default 0.</summary>
    public int BlockSize { get; init; }

    /// <summary>Type of the output when there is no zero point; UInt8 when null. Default null.</summary>
    public DType? OutputDtype { get; init; }

    /// <summary>Saturate 8-bit floats? They are not supported, so it has no effect. Default true.</summary>
    public bool Saturate { get; init; } = true;

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var type = x.Optional(2)?.DType ?? OutputDtype ?? DType.UInt8;
        _ = Affine.Limits(type);
        if (x.Has(2) && !x.Shape(1).Accepts(x.Shape(2))) throw x.Fail($"the zero point has shape {x.Shape(2)} where the scale has {x.Shape(1)}");
        return new TensorType(type, x.Shape(0));
    }

    /// <inheritdoc/>
    public override DType UnrankedType(int index, InferContext x) => x.Optional(2)?.DType ?? OutputDtype ?? DType.UInt8;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var (data, scale) = (x.Input(0), x.Input(1).Cast(DType.Float64));
        var type = x.Optional(2)?.DType ?? OutputDtype ?? DType.UInt8;
        var (min, max) = Affine.Limits(type);
        var offsets = Affine.Offsets(data.Shape, scale.Shape, Axis, BlockSize);
        var zero = x.Integers(2);
        var result = Tensor.Empty(DType.Int32, data.Shape);
        var values = data.Cast(DType.Float64).Span<double>();
        for (var i = 0; i < offsets.Length; i++)
            result.Span<int>()[i] = (int)Affine.Quantize(values[i], scale.Span<double>()[offsets[i]], zero?[offsets[i]] ?? 0, min, max, data.DType == DType.Float64);
        return result.Cast(type);
    }

    /// <inheritdoc/>
    public override void Couple(CouplingContext c)
    {
        c.TieAll(c.Input(0), c.Output());
        if (c.Input(1).Shape is not { IsKnown: true, Rank: 1, Count: > 1 }) return;
        c.Tie(c.Input(1), 0, c.Output(), Axis);
        c.Tie(c.Optional(2), 0, c.Output(), Axis);
    }
}
