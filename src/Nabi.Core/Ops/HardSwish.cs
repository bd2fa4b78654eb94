using System.Numerics;

namespace Nabi.Ops;

/// <summary>ONNX <c>HardSwish</c>: x max(0, min(1, x / 6 + 1/2)) (Howard and others, 2019, MobileNetV3).</summary>
public sealed record HardSwish : UnaryOp
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.UnaryFloat(x.Input(0), default(Map));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var b = g.Builder;
        var slope = b.Add(b.Mul(g.Input(0), 1.0 / 3), 0.5);
        var inner = b.Masked(b.Mul(g.Grad, slope), b.Greater(g.Input(0), -3));
        return [b.Where(b.Less(g.Input(0), 3), inner, g.Grad)];
    }

    private readonly struct Map : IFloatMap
    {
        public T Invoke<T>(T x) where T : unmanaged, IFloatingPointIeee754<T>, IMinMaxValue<T> => x * T.Max(T.Zero, T.Min(T.One, x / T.CreateTruncating(6) + T.CreateTruncating(0.5)));
    }
}
