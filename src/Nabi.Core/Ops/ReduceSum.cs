namespace Nabi.Ops;

/// <summary>ONNX <c>ReduceSum</c>: the sum over axes. Accumulated in double precision.</summary>
public sealed record ReduceSum : Reduction
{
    private protected override bool IsBlindToZeros => true;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Reduce(x, Sum);

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) =>
        [g.Builder.ExpandLike(KeptGradient(g), g.Input(0))];

    private static double Sum(ReadOnlySpan<double> elements)
    {
        var sum = 0.0;
        foreach (var e in elements) sum += e;
        return sum;
    }
}
