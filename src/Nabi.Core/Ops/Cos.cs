using System.Numerics;

namespace Nabi.Ops;

/// <summary>ONNX <c>Cos</c>: the cosine of an angle in radians.</summary>
public sealed record Cos : UnaryOp
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.UnaryFloat(x.Input(0), default(Map));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => [g.Builder.Neg(g.Builder.Mul(g.Grad, g.Builder.Sin(g.Input(0))))];

    private readonly struct Map : IFloatMap
    {
        public T Invoke<T>(T x) where T : unmanaged, IFloatingPointIeee754<T>, IMinMaxValue<T> => T.Cos(x);
    }
}
