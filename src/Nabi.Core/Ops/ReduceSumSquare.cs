namespace Nabi.Ops;

/// <summary>ONNX <c>ReduceSumSquare</c>: the sum of squares over axes.</summary>
public sealed record ReduceSumSquare : Reduction
{
    private protected override bool IsBlindToZeros => true;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Reduce(x, Fold);

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => [g.Builder.Mul(KeptGradient(g), g.Builder.Mul(g.Input(0), 2))];

    private static double Fold(ReadOnlySpan<double> elements)
    {
        var result = 0.0;
        foreach (var e in elements) result += e * e;
        return result;
    }
}
