namespace Nabi.Ops;

/// <summary>ONNX <c>Size</c>: the number of elements, an Int64 scalar.</summary>
public sealed record Size : Op
{
    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x) => new TensorType(DType.Int64, Shape.Scalar);

    /// <inheritdoc/>
    public override DType UnrankedType(int index, InferContext x) => DType.Int64;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Answer(x.Input(0).Shape);

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.Free;

    /// <summary>The output for an input of a known shape.</summary>
    internal static Tensor Answer(Shape shape) => Tensor.Scalar((long)shape.Count);
}
