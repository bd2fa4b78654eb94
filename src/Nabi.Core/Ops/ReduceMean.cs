namespace Nabi.Ops;

/// <summary>ONNX <c>ReduceMean</c>: the arithmetic mean over axes; NaN of no elements.</summary>
public sealed record ReduceMean : Reduction
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Reduce(x, Fold);

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var b = g.Builder;
        return [b.ExpandLike(b.Div(KeptGradient(g), ReducedCount(g)), g.Input(0))];
    }

    private static double Fold(ReadOnlySpan<double> elements)
    {
        var result = 0.0;
        foreach (var e in elements) result += e;
        return result / elements.Length;
    }
}
