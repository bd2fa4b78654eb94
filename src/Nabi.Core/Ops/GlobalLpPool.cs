namespace Nabi.Ops;

/// <summary>ONNX <c>GlobalLpPool</c>: the p-norm of each channel, [N, C, spatial] to [N, C, 1, ...].</summary>
public sealed record GlobalLpPool : GlobalPoolingOp
{
    /// <summary>The norm's order, at least 1. Default 2.</summary>
    public int P { get; init; } = 2;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Pool(x.Input(0), elements => LpPool.Norm(elements, P));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => g.Through(x =>
    {
        var b = g.Builder;
        var axes = Enumerable.Range(2, x[0]!.Shape.Rank - 2).ToArray();
        return [b.Pow(b.ReduceSum(b.Pow(b.Abs(x[0]!), P), axes), 1.0 / P)];
    });
}
