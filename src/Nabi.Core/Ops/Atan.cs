using System.Numerics;

namespace Nabi.Ops;

/// <summary>ONNX <c>Atan</c>: the inverse tangent in radians. Its derivative is 1 / (1 + x²).</summary>
public sealed record Atan : UnaryOp
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.UnaryFloat(x.Input(0), default(Map));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => [g.Builder.Div(g.Grad, g.Builder.Add(g.Builder.Square(g.Input(0)), 1))];

    private readonly struct Map : IFloatMap
    {
        public T Invoke<T>(T x) where T : unmanaged, IFloatingPointIeee754<T>, IMinMaxValue<T> => T.Atan(x);
    }
}
