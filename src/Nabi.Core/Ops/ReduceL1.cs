namespace Nabi.Ops;

/// <summary>ONNX <c>ReduceL1</c>: the sum of magnitudes over axes.</summary>
public sealed record ReduceL1 : Reduction
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Reduce(x, Fold);

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => [g.Builder.Mul(KeptGradient(g), g.Builder.Sign(g.Input(0)))];

    private static double Fold(ReadOnlySpan<double> elements)
    {
        var result = 0.0;
        foreach (var e in elements) result += Math.Abs(e);
        return result;
    }
}
