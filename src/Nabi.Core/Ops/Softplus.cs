using System.Numerics;

namespace Nabi.Ops;

/// <summary>ONNX <c>Softplus</c>: ln(1 + exp(x)), computed as max(x, 0) + ln(1 + exp(-|x|)) so that it does not overflow.</summary>
public sealed record Softplus : UnaryOp
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.UnaryFloat(x.Input(0), default(Map));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => [g.Builder.Mul(g.Grad, g.Builder.Sigmoid(g.Input(0)))];

    private readonly struct Map : IFloatMap
    {
        public T Invoke<T>(T x) where T : unmanaged, IFloatingPointIeee754<T>, IMinMaxValue<T> => T.Max(x, T.Zero) + T.LogP1(T.Exp(-T.Abs(x)));
    }
}
