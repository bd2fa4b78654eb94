namespace Nabi.Ops;

/// <summary>ONNX <c>ReduceLogSum</c>: the natural logarithm of the sum over axes.</summary>
public sealed record ReduceLogSum : Reduction
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Reduce(x, Fold);

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var b = g.Builder;
        return [b.ExpandLike(b.Div(KeptGradient(g), b.Exp(Kept(g, g.Output()))), g.Input(0))];
    }

    private static double Fold(ReadOnlySpan<double> elements)
    {
        var result = 0.0;
        foreach (var e in elements) result += e;
        return Math.Log(result);
    }
}
