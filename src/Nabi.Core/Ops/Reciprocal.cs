using System.Numerics;

namespace Nabi.Ops;

/// <summary>ONNX <c>Reciprocal</c>: 1 / x.</summary>
public sealed record Reciprocal : UnaryOp
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.UnaryFloat(x.Input(0), default(Map));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => [g.Builder.Neg(g.Builder.Mul(g.Grad, g.Builder.Square(g.Output())))];

    private readonly struct Map : IFloatMap
    {
        public T Invoke<T>(T x) where T : unmanaged, IFloatingPointIeee754<T>, IMinMaxValue<T> => T.One / x;
    }
}
