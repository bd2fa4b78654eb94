namespace Nabi.Ops;

/// <summary>
/// ONNX <c>DynamicQuantizeLinear</c>: chooses scale and zero point from the range of x, widened to hold 0, and quantizes to UInt8: scale = (max - min) / 255,
/// zero = saturate(round(-min / scale)), ties to even. Outputs: y (UInt8), scale (a scalar of x's type), zero point (a scalar UInt8).
/// </summary>
public sealed record DynamicQuantizeLinear : Op
{
    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x) => new[]
    {
        x.Input(0) with { DType = DType.UInt8 }, new TensorType(x.Input(0).DType, Shape.Scalar), new TensorType(DType.UInt8, Shape.Scalar),
    };

    /// <inheritdoc/>
    public override DType UnrankedType(int index, InferContext x) => index == 1 ? x.Input(0).DType : DType.UInt8;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var data = x.Input(0);
        var (low, high) = (0f, 0f);
        foreach (var v in data.ToSingle()) (low, high) = (Math.Min(low, v), Math.Max(high, v));
        var scale = (high - low) / 255;
        var zero = scale == 0 ? 0 : (long)Math.Clamp(MathF.Round(-low / scale, MidpointRounding.ToEven), 0, 255);
        var y = Tensor.Zeros(DType.UInt8, data.Shape);
        var values = data.Cast(DType.Float64).Span<double>();
        for (var i = 0; i < values.Length; i++)
            if (scale != 0) y.Bytes[i] = (byte)Affine.Quantize(values[i], scale, zero, 0, 255, isDouble: false);
        return new[] { y, Tensor.Scalar(scale).Cast(data.DType), Tensor.Scalar((byte)zero) };
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.Elementwise(3);
}
