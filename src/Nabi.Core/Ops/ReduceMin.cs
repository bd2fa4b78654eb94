namespace Nabi.Ops;

/// <summary>
/// ONNX <c>ReduceMin</c>: the smallest element over axes; NaN if one is NaN, the highest value of the type if there are none.
/// Equal smallest elements share the gradient equally.
/// </summary>
public sealed record ReduceMin : Reduction
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Reduce(x, Fold);

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => ExtremumGradient(g);

    private static double Fold(ReadOnlySpan<double> elements)
    {
        var result = double.PositiveInfinity;
        foreach (var e in elements) result = Math.Min(result, e);
        return result;
    }
}
