using System.Numerics;

namespace Nabi.Ops;

/// <summary>ONNX <c>Relu</c>: max(x, 0). The gradient at 0 is 0.</summary>
public sealed record Relu : UnaryOp
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.Unary(x.Input(0), default(Map));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => [g.Builder.Mul(g.Grad, g.Builder.Cast(g.Builder.Apply(new Greater(), g.Input(0), g.Builder.Scalar(0, g.Input(0))), g.Grad.DType))];

    private readonly struct Map : IUnaryMap
    {
        public T Invoke<T>(T x) where T : unmanaged, INumber<T>, IMinMaxValue<T> => x > T.Zero ? x : T.IsNaN(x) ? x : T.Zero;
    }
}
