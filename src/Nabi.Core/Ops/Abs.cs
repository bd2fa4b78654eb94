using System.Numerics;

namespace Nabi.Ops;

/// <summary>
/// ONNX <c>Abs</c>: the magnitude. The smallest signed integer, which has no positive counterpart, stays itself. The derivative
/// at 0 is 0.
/// </summary>
public sealed record Abs : UnaryOp
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.Unary(x.Input(0), default(Map));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => [g.Builder.Mul(g.Grad, g.Builder.Sign(g.Input(0)))];

    private readonly struct Map : IUnaryMap
    {
        public T Invoke<T>(T x) where T : unmanaged, INumber<T>, IMinMaxValue<T> => T.IsNegative(x) ? -x : x;
    }
}
