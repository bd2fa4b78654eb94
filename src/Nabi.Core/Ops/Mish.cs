using System.Numerics;

namespace Nabi.Ops;

/// <summary>ONNX <c>Mish</c>: x tanh(softplus(x)) (Misra, 2019).</summary>
public sealed record Mish : UnaryOp
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.UnaryFloat(x.Input(0), default(Map));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var b = g.Builder;
        var x = g.Input(0);
        var t = b.Tanh(b.Softplus(x));
        return [b.Mul(g.Grad, b.Add(t, b.Mul(b.Mul(x, b.Sigmoid(x)), b.Sub(1, b.Square(t)))))];
    }

    private readonly struct Map : IFloatMap
    {
        public T Invoke<T>(T x) where T : unmanaged, IFloatingPointIeee754<T>, IMinMaxValue<T> => x * T.Tanh(T.Max(x, T.Zero) + T.LogP1(T.Exp(-T.Abs(x))));
    }
}
