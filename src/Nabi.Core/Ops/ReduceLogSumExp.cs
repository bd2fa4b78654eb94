namespace Nabi.Ops;

/// <summary>
/// ONNX <c>ReduceLogSumExp</c>: ln of the sum of exp(x) over axes, shifted by the largest element so that it does not overflow.
/// Its gradient is the softmax.
/// </summary>
public sealed record ReduceLogSumExp : Reduction
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Reduce(x, Fold);

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var b = g.Builder;
        return [b.Mul(KeptGradient(g), b.Exp(b.Sub(g.Input(0), Kept(g, g.Output()))))];
    }

    private static double Fold(ReadOnlySpan<double> elements)
    {
        var shift = double.NegativeInfinity;
        foreach (var e in elements) shift = Math.Max(shift, e);
        if (double.IsInfinity(shift)) return shift;
        var result = 0.0;
        foreach (var e in elements) result += Math.Exp(e - shift);
        return shift + Math.Log(result);
    }
}
