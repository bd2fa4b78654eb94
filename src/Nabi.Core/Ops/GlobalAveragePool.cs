namespace Nabi.Ops;

/// <summary>ONNX <c>GlobalAveragePool</c>: the mean of each channel, [N, C, spatial] to [N, C, 1, ...]. Accumulated in double precision.</summary>
public sealed record GlobalAveragePool : GlobalPoolingOp
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Pool(x.Input(0), Mean);

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var (b, data) = (g.Builder, g.Input(0));
        var count = data.Shape.CountOf(2, data.Shape.Rank);
        var elements = count != Shape.Unknown
            ? b.Scalar(count, data)
            : b.ReduceSum(b.OnesLike(data), [.. Enumerable.Range(2, data.Shape.Rank - 2)]);
        return [b.ExpandLike(b.Div(g.Grad, elements), data)];
    }

    private static double Mean(ReadOnlySpan<double> elements)
    {
        var sum = 0.0;
        foreach (var e in elements) sum += e;
        return sum / elements.Length;
    }
}
