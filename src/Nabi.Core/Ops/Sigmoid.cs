using System.Numerics;

namespace Nabi.Ops;

/// <summary>ONNX <c>Sigmoid</c>: 1 / (1 + exp(-x)).</summary>
public sealed record Sigmoid : UnaryOp
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.UnaryFloat(x.Input(0), default(Map));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var b = g.Builder;
        return [b.Mul(g.Grad, b.Mul(g.Output(), b.Sub(1, g.Output())))];
    }

    private readonly struct Map : IFloatMap
    {
        public T Invoke<T>(T x) where T : unmanaged, IFloatingPointIeee754<T>, IMinMaxValue<T> => T.One / (T.One + T.Exp(-x));
    }
}
