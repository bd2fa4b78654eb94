using System.Numerics;

namespace Nabi.Ops;

/// <summary>ONNX <c>Atanh</c>: the inverse hyperbolic tangent of -1 &lt; x &lt; 1. Its derivative is 1 / (1 - x²).</summary>
public sealed record Atanh : UnaryOp
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.UnaryFloat(x.Input(0), default(Map));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => [g.Builder.Div(g.Grad, g.Builder.Sub(1, g.Builder.Square(g.Input(0))))];

    private readonly struct Map : IFloatMap
    {
        public T Invoke<T>(T x) where T : unmanaged, IFloatingPointIeee754<T>, IMinMaxValue<T> => T.Atanh(x);
    }
}
