using System.Numerics;

namespace Nabi.Ops;

/// <summary>ONNX <c>Softsign</c>: x / (1 + |x|). Its derivative is 1 / (1 + |x|)².</summary>
public sealed record Softsign : UnaryOp
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.UnaryFloat(x.Input(0), default(Map));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => [g.Builder.Div(g.Grad, g.Builder.Square(g.Builder.Add(g.Builder.Abs(g.Input(0)), 1)))];

    private readonly struct Map : IFloatMap
    {
        public T Invoke<T>(T x) where T : unmanaged, IFloatingPointIeee754<T>, IMinMaxValue<T> => x / (T.One + T.Abs(x));
    }
}
