namespace Nabi.Ops;

/// <summary>ONNX <c>RandomNormalLike</c>: normally distributed numbers in the shape of the input.</summary>
public sealed record RandomNormalLike : RandomOp
{
    /// <summary>Element type of the output; that of the input when not given (the default).</summary>
    public DType? Dtype { get; init; }

    /// <summary>The mean. Default 0.</summary>
    public float Mean { get; init; }

    /// <summary>The standard deviation. Default 1.</summary>
    public float Scale { get; init; } = 1f;

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x) => x.Input(0) with { DType = Dtype ?? x.Input(0).DType };

    /// <inheritdoc/>
    public override DType UnrankedType(int index, InferContext x) => Dtype ?? x.Input(0).DType;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Draw(x, Dtype ?? x.Input(0).DType, x.Input(0).Shape, rng => Mean + Scale * rng.NextGaussian());

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => [null];
}
