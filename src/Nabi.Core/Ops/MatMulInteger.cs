namespace Nabi.Ops;

/// <summary>
/// ONNX <c>MatMulInteger</c>: the exact matrix product of 8-bit integers into Int32. Inputs: A [..., M, K], B [..., K, N], optional zero point of A (a scalar, [M] or
/// broadcasting) and of B (a scalar, [N] or broadcasting).
/// </summary>
public sealed record MatMulInteger : Op
{
    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x) => new TensorType(DType.Int32, MatMul.Product(x.RequireRank(0, 1), x.RequireRank(1, 1)));

    /// <inheritdoc/>
    public override DType UnrankedType(int index, InferContext x) => DType.Int32;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) =>
        MatMul.Multiply(Affine.Centered(x.Input(0), x.Optional(2), -2), Affine.Centered(x.Input(1), x.Optional(3), -1)).Cast(DType.Int32);

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.OfMacs((long)x.Output().Count * x.Input(0)[-1]);
}
