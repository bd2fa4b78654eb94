using System.Numerics;

namespace Nabi.Ops;

/// <summary>ONNX <c>Cosh</c>: the hyperbolic cosine.</summary>
public sealed record Cosh : UnaryOp
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.UnaryFloat(x.Input(0), default(Map));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => [g.Builder.Mul(g.Grad, g.Builder.Apply(new Sinh(), g.Input(0)))];

    private readonly struct Map : IFloatMap
    {
        public T Invoke<T>(T x) where T : unmanaged, IFloatingPointIeee754<T>, IMinMaxValue<T> => T.Cosh(x);
    }
}
