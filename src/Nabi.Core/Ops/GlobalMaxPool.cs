namespace Nabi.Ops;

/// <summary>ONNX <c>GlobalMaxPool</c>: the largest element of each channel, [N, C, spatial] to [N, C, 1, ...]. The gradient goes to the first of equal ones.</summary>
public sealed record GlobalMaxPool : GlobalPoolingOp
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Pool(x.Input(0), Largest);

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var sizes = g.Input(0).Shape.Dims[2..];
        if (sizes.Contains(Shape.Unknown)) throw new NabiException($"Node '{g.Node.Name}' (GlobalMaxPool): the input's spatial size must be known to differentiate it.");
        return [g.Builder.Apply(new MaxPoolGradient { Window = new Window { KernelShape = sizes.ToArray() } }, g.Input(0), g.Grad)];
    }

    private static double Largest(ReadOnlySpan<double> elements)
    {
        var largest = double.NegativeInfinity;
        foreach (var e in elements) largest = Math.Max(largest, e);
        return largest;
    }
}
