namespace Nabi.Ops;

/// <summary>
/// ONNX <c>ReduceMax</c>: the largest element over axes; NaN if one is NaN, the lowest value of the type if there are none.
/// Equal largest elements share the gradient equally.
/// </summary>
public sealed record ReduceMax : Reduction
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Reduce(x, x.Input(0).DType == DType.Bool ? Any : Fold);

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => ExtremumGradient(g);

    private static double Fold(ReadOnlySpan<double> elements)
    {
        var result = double.NegativeInfinity;
        foreach (var e in elements) result = Math.Max(result, e);
        return result;
    }

    // The largest truth value of none is false.
    private static double Any(ReadOnlySpan<double> elements) => elements.IsEmpty ? 0 : Fold(elements);
}
