namespace Nabi.Ops;

/// <summary>ONNX <c>NonZero</c>: the coordinates of the elements that are not zero, as Int64 [rank, number of them], in row-major order.</summary>
public sealed record NonZero : Op
{
    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x) => new TensorType(DType.Int64, [x.Shape(0).Rank, Shape.Unknown]);

    /// <inheritdoc/>
    public override DType UnrankedType(int index, InferContext x) => DType.Int64;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var data = x.Input(0);
        var flags = data.Cast(DType.Bool).Bytes;
        var found = new List<int>();
        for (var i = 0; i < flags.Length; i++)
            if (flags[i] != 0) found.Add(i);
        var result = Tensor.Empty(DType.Int64, [data.Shape.Rank, found.Count]);
        var coordinates = result.Span<long>();
        var strides = data.Shape.Strides();
        for (var axis = 0; axis < strides.Length; axis++)
            for (var i = 0; i < found.Count; i++) coordinates[axis * found.Count + i] = found[i] / strides[axis] % data.Shape[axis];
        return result;
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => new(0, x.Input(0).Count, x.BytesRead, 0);
}
