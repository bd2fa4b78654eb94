namespace Nabi.Ops;

/// <summary>ONNX <c>Size</c>: the number of elements, an Int64 scalar.</summary>
public sealed record Size : Op
{
    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x) => new TensorType(DType.Int64, Shape.Scalar);

    /// <inheritdoc/>
    public override DType UnrankedType(int index, InferContext x) => DType.Int64;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Tensor.Scalar((long)x.Input(0).Count);

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.Free;
}
