using System.Numerics;

namespace Nabi.Ops;

/// <summary>ONNX <c>Tan</c>: the tangent of an angle in radians. Its derivative is 1 + tan² x.</summary>
public sealed record Tan : UnaryOp
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.UnaryFloat(x.Input(0), default(Map));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => [g.Builder.Mul(g.Grad, g.Builder.Add(g.Builder.Square(g.Output()), 1))];

    private readonly struct Map : IFloatMap
    {
        public T Invoke<T>(T x) where T : unmanaged, IFloatingPointIeee754<T>, IMinMaxValue<T> => T.Tan(x);
    }
}
