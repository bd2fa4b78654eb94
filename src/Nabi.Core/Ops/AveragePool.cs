namespace Nabi.Ops;

/// <summary>
/// ONNX <c>AveragePool</c>: the mean of every window. Input [N, C, spatial], output [N, C, windows]. Divides by the taps that lie inside the
/// input or, with <see cref="CountIncludePad"/>, in input and padding.
/// </summary>
public sealed record AveragePool : PoolingOp
{
    /// <summary>Does padding count as zeros? Default false.</summary>
    public bool CountIncludePad { get; init; }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Pool(x.Input(0), CountIncludePad ? WithPadding : WithoutPadding);

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) =>
    [
        g.Builder.Apply(new AveragePoolGradient
        {
            Window = Window, CeilMode = CeilMode, CountIncludePad = CountIncludePad, Spatial = g.Input(0).Shape.Dims[2..].ToArray(),
        }, g.Grad),
    ];

    private static double WithPadding(ReadOnlySpan<double> elements, int reached) => Sum(elements) / Math.Max(1, reached);

    private static double WithoutPadding(ReadOnlySpan<double> elements, int reached) => Sum(elements) / Math.Max(1, elements.Length);

    private static double Sum(ReadOnlySpan<double> elements)
    {
        var sum = 0.0;
        foreach (var e in elements) sum += e;
        return sum;
    }
}
