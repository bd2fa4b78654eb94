namespace Nabi.Ops;

/// <summary>ONNX <c>Bernoulli</c>: 1 with the probability that each element of the input gives, else 0.</summary>
public sealed record Bernoulli : RandomOp
{
    /// <summary>Element type of the output; that of the input when not given (the default).</summary>
    public DType? Dtype { get; init; }

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x) => x.Input(0) with { DType = Dtype ?? x.Input(0).DType };

    /// <inheritdoc/>
    public override DType UnrankedType(int index, InferContext x) => Dtype ?? x.Input(0).DType;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var rng = Source(x);
        var chances = x.Input(0).Cast(DType.Float64);
        var result = Tensor.Empty(DType.Float64, chances.Shape);
        for (var i = 0; i < result.Count; i++) result.Span<double>()[i] = rng.NextDouble() < chances.Span<double>()[i] ? 1 : 0;
        return result.Cast(Dtype ?? x.Input(0).DType);
    }
}
