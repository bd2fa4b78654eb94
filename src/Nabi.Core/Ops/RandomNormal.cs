namespace Nabi.Ops;

/// <summary>ONNX <c>RandomNormal</c>: a tensor of normally distributed numbers.</summary>
public sealed record RandomNormal : RandomOp
{
    /// <summary>Element type of the output. Default <see cref="DType.Float32"/>.</summary>
    public DType Dtype { get; init; } = DType.Float32;

    /// <summary>The mean. Default 0.</summary>
    public float Mean { get; init; }

    /// <summary>The standard deviation. Default 1.</summary>
    public float Scale { get; init; } = 1f;

    /// <summary>Shape of the output.</summary>
    public required ValueArray<int> Shape { get; init; }

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x) => new TensorType(Dtype, Nabi.Shape.Create(Shape.Span));

    /// <inheritdoc/>
    public override DType UnrankedType(int index, InferContext x) => Dtype;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Draw(x, Dtype, Nabi.Shape.Create(Shape.Span), rng => Mean + Scale * rng.NextGaussian());
}
