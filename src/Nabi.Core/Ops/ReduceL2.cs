namespace Nabi.Ops;

/// <summary>ONNX <c>ReduceL2</c>: the Euclidean norm over axes. The gradient of a norm that is 0 is 0.</summary>
public sealed record ReduceL2 : Reduction
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Reduce(x, Fold);

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var b = g.Builder;
        var norm = Kept(g, g.Output());
        var divisor = b.Where(b.Equal(norm, 0), b.Scalar(1, norm), norm);
        return [b.Mul(b.Div(KeptGradient(g), divisor), g.Input(0))];
    }

    private static double Fold(ReadOnlySpan<double> elements)
    {
        var result = 0.0;
        foreach (var e in elements) result += e * e;
        return Math.Sqrt(result);
    }
}
