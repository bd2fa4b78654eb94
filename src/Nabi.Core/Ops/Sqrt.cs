using System.Numerics;

namespace Nabi.Ops;

/// <summary>ONNX <c>Sqrt</c>: the square root.</summary>
public sealed record Sqrt : UnaryOp
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.UnaryFloat(x.Input(0), default(Map));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => [g.Builder.Div(g.Grad, g.Builder.Mul(g.Builder.Scalar(2, g.Output()), g.Output()))];

    private readonly struct Map : IFloatMap
    {
        public T Invoke<T>(T x) where T : unmanaged, IFloatingPointIeee754<T>, IMinMaxValue<T> => T.Sqrt(x);
    }
}
