using System.Numerics;

namespace Nabi.Ops;

/// <summary>
/// ONNX <c>Elu</c>: x for x ≥ 0, Alpha (exp(x) - 1) below (Clevert, Unterthiner and Hochreiter, 2015). The derivative at 0 is
/// 1.
/// </summary>
public sealed record Elu : UnaryOp
{
    /// <summary>The limit far below 0 is -Alpha. Default 1.</summary>
    public float Alpha { get; init; } = 1f;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.UnaryFloat(x.Input(0), new Map(Alpha));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var b = g.Builder;
        return [b.Where(b.Less(g.Input(0), 0), b.Mul(g.Grad, b.Add(g.Output(), Alpha)), g.Grad)];
    }

    private readonly record struct Map(float Alpha) : IFloatMap
    {
        public T Invoke<T>(T x) where T : unmanaged, IFloatingPointIeee754<T>, IMinMaxValue<T> => x < T.Zero ? T.CreateTruncating(Alpha) * T.ExpM1(x) : x;
    }
}
