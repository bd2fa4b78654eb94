namespace Nabi.Ops;

/// <summary>
/// ONNX <c>QLinearMatMul</c>: product of quantized matrices into a quantized matrix: saturate(round(sum scale_a scale_b / scale_y) + zero_y), ties to even. Inputs:
/// A, its scale and zero point (scalars, [M] or broadcasting), B, its scale and zero point (scalars, [N] or broadcasting), scale and zero point of Y,
/// whose type Y takes.
/// </summary>
public sealed record QLinearMatMul : Op
{
    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x) => new TensorType(x.Input(7).DType, MatMul.Product(x.RequireRank(0, 1), x.RequireRank(3, 1)));

    /// <inheritdoc/>
    public override DType UnrankedType(int index, InferContext x) => x.Input(7).DType;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var sums = MatMul.Multiply(Affine.Centered(x.Input(0), x.Input(2), -2), Affine.Centered(x.Input(3), x.Input(5), -1));
        var (scaleA, scaleB, scaleY) = (x.Input(1).ToSingle(), x.Input(4).ToSingle(), x.Input(6).ToSingle()[0]);
        var (atA, atB) = (Affine.Spread(sums.Shape, x.Input(1).Shape, -2), Affine.Spread(sums.Shape, x.Input(4).Shape, -1));
        var multiplier = new float[sums.Count];
        for (var i = 0; i < multiplier.Length; i++) multiplier[i] = scaleA[atA[i]] * scaleB[atB[i]] / scaleY;
        return Affine.Requantize(sums, multiplier, x.Input(7));
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.OfMacs((long)x.Output().Count * x.Input(0)[-1]);
}
