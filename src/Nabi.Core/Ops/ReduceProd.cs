namespace Nabi.Ops;

/// <summary>
/// ONNX <c>ReduceProd</c>: the product over axes. The gradient of an element is the product of the others, also where elements
/// are 0; differentiated twice it is exact where none is 0.
/// </summary>
public sealed record ReduceProd : Reduction
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Reduce(x, Fold);

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var b = g.Builder;
        var x = g.Input(0);
        var isZero = b.Equal(x, 0);
        var nonZero = b.Where(isZero, b.Scalar(1, x), x);
        var axes = g.Has(1) ? g.Input(1) : null;
        var product = b.Apply(this with { Keepdims = true }, nonZero, axes);
        var zeros = b.Apply(new ReduceSum { NoopWithEmptyAxes = NoopWithEmptyAxes }, b.Cast(isZero, x.DType), axes);
        var ofZero = b.Masked(product, b.Equal(zeros, 1));
        var ofOther = b.Div(b.Masked(product, b.Equal(zeros, 0)), nonZero);
        return [b.Mul(KeptGradient(g), b.Where(isZero, ofZero, ofOther))];
    }

    private static double Fold(ReadOnlySpan<double> elements)
    {
        var result = 1.0;
        foreach (var e in elements) result *= e;
        return result;
    }
}
