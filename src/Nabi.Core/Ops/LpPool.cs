namespace Nabi.Ops;

/// <summary>ONNX <c>LpPool</c>: the p-norm of every window, (sum |x|^p)^(1/p). Input [N, C, spatial], output [N, C, windows].</summary>
public sealed record LpPool : PoolingOp
{
    /// <summary>The norm's order, at least 1. Default 2.</summary>
    public int P { get; init; } = 2;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Pool(x.Input(0), (elements, _) => Norm(elements, P));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => g.Through(x =>
    {
        // The sum over a window is a depthwise convolution with ones.
        var (b, data) = (g.Builder, x[0]!);
        var window = Resolve(data.Shape).Explicit();
        var channels = data.Shape[1];
        if (channels == Shape.Unknown) throw new NabiException($"Node '{g.Node.Name}' ({Name}): the number of channels must be known to differentiate it.");
        var ones = b.Constant(Tensor.Full(Convolution.Joined(channels, 1, window.KernelShape), 1.0).Cast(data.DType));
        return [b.Pow(b.Apply(new Conv { Window = window, Group = channels }, b.Pow(b.Abs(data), P), ones), 1.0 / P)];
    });

    /// <summary>(sum |x|^p)^(1/p).</summary>
    internal static double Norm(ReadOnlySpan<double> elements, int p)
    {
        var sum = 0.0;
        foreach (var e in elements) sum += p == 1 ? Math.Abs(e) : p == 2 ? e * e : Math.Pow(Math.Abs(e), p);
        return p == 1 ? sum : p == 2 ? Math.Sqrt(sum) : Math.Pow(sum, 1.0 / p);
    }
}
