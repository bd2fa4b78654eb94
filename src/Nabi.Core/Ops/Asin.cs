using System.Numerics;

namespace Nabi.Ops;

/// <summary>ONNX <c>Asin</c>: the inverse sine in radians. Its derivative is 1 / √(1 - x²).</summary>
public sealed record Asin : UnaryOp
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.UnaryFloat(x.Input(0), default(Map));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => [g.Builder.Div(g.Grad, g.Builder.Sqrt(g.Builder.Sub(1, g.Builder.Square(g.Input(0)))))];

    private readonly struct Map : IFloatMap
    {
        public T Invoke<T>(T x) where T : unmanaged, IFloatingPointIeee754<T>, IMinMaxValue<T> => T.Asin(x);
    }
}
