namespace Nabi.Ops;

/// <summary>ONNX <c>EyeLike</c>: a matrix of the input's shape with ones on a diagonal, zeros elsewhere.</summary>
public sealed record EyeLike : Op
{
    /// <summary>Element type of the output; null, the default, is the input's.</summary>
    public DType? Dtype { get; init; }

    /// <summary>The diagonal: positive above the main one. Default 0.</summary>
    public int K { get; init; }

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x) => new TensorType(UnrankedType(0, x), x.RequireRank(0, 2, 2));

    /// <inheritdoc/>
    public override DType UnrankedType(int index, InferContext x) => Dtype ?? x.Input(0).DType;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var shape = x.Input(0).Shape;
        var result = Tensor.Zeros(DType.UInt8, shape);
        for (var row = 0; row < shape[0]; row++)
            if (row + (long)K is var column && column >= 0 && column < shape[1]) result.Bytes[row * shape[1] + (int)column] = 1;
        return result.Cast(Dtype ?? x.Input(0).DType);
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.Elementwise(0);
}
