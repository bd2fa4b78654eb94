using System.Numerics;

namespace Nabi.Ops;

/// <summary>
/// ONNX <c>Celu</c>: max(0, x) + min(0, Alpha (exp(x / Alpha) - 1)) (Barron, 2017): its derivative is continuous, 1 at 0.
/// </summary>
public sealed record Celu : UnaryOp
{
    /// <summary>The limit far below 0 is -Alpha; above 0. Default 1.</summary>
    public float Alpha { get; init; } = 1f;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.UnaryFloat(x.Input(0), new Map(Alpha));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var b = g.Builder;
        return [b.Where(b.Less(g.Input(0), 0), b.Mul(g.Grad, b.Add(b.Mul(g.Output(), 1.0 / Alpha), 1)), g.Grad)];
    }

    private readonly record struct Map(float Alpha) : IFloatMap
    {
        public T Invoke<T>(T x) where T : unmanaged, IFloatingPointIeee754<T>, IMinMaxValue<T>
        {
            var alpha = T.CreateTruncating(Alpha);
            return x < T.Zero ? alpha * T.ExpM1(x / alpha) : x;
        }
    }
}
