namespace Nabi.Ops;

/// <summary>ONNX <c>ConstantOfShape</c>: a tensor of the shape given as input, every element <see cref="Value"/>.</summary>
public sealed record ConstantOfShape : Op
{
    /// <summary>One element; null, the default, is a Float32 zero.</summary>
    public Tensor? Value { get; init; }

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        if (Value is { Count: not 1 }) throw x.Fail($"its value has {Value.Count} elements, not one");
        return new TensorType(UnrankedType(0, x), x.Target(0));
    }

    /// <inheritdoc/>
    public override DType UnrankedType(int index, InferContext x) => Value?.DType ?? DType.Float32;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var shape = Shape.From(x.Integers(0)!);
        return Value is null ? Tensor.Zeros(DType.Float32, shape) : new Movement(shape, new int[shape.Count]).Take(Value);
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.Elementwise(0);
}
