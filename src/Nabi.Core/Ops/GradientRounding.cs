namespace Nabi.Ops;

/// <summary>
/// The input itself, whose gradient has few bits on its way back (Zhou et al. 2016, DoReFa-Net, equation 12). With m the largest magnitude of the gradient within
/// each sample (axis 0) and n = 2^Bits - 1, a gradient g becomes 2 m (round(n clip(g / (2 m) + 1/2 + N, 0, 1)) / n - 1/2), where N is drawn evenly from
/// -1/(2n) to 1/(2n): the noise makes rounding right on average. It costs nothing when it runs: <see cref="Passes.RemoveStraightThrough"/> leaves the input alone.
/// </summary>
public sealed record GradientRounding : Op
{
    private const double SmallestMagnitude = 1e-30;

    /// <summary>Bits of a gradient, 1 to 16. Default 6, with which the paper's AlexNet loses least.</summary>
    public int Bits { get; init; } = 6;

    /// <inheritdoc/>
    public override string Domain => NabiDomain;

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x) =>
        Bits is >= 1 and <= 16 ? x.Input(0) : throw x.Fail($"gradients of {Bits} bits are not possible; give 1 to 16");

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => x.Input(0);

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.Free;

    /// <inheritdoc/>
    public override void Couple(CouplingContext c) => c.TieAll(c.Input(0), c.Output());

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var (b, gradient, n) = (g.Builder, g.Grad, (double)((1 << Bits) - 1));
        var within = Enumerable.Range(1, Math.Max(0, gradient.Shape.Rank - 1)).ToArray();
        var largest = within.Length == 0 ? b.Abs(gradient) : b.ReduceMax(b.Abs(gradient), within);
        var twice = b.Mul(b.Max(largest, b.Scalar(SmallestMagnitude, largest)), 2);
        var noise = b.Apply(new RandomUniformLike { Low = (float)(-0.5 / n), High = (float)(0.5 / n) }, gradient);
        var unit = b.Clip(b.Add(b.Add(b.Div(gradient, twice), 0.5), noise), 0, 1);
        return [b.Mul(b.Add(b.Mul(b.Round(b.Mul(unit, n)), 1 / n), -0.5), twice)];
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Value>? AsStandard(Node node, Rewriter r) => [r[node.Inputs[0]!]];
}
