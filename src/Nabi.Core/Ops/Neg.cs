using System.Numerics;

namespace Nabi.Ops;

/// <summary>ONNX <c>Neg</c>: -x.</summary>
public sealed record Neg : UnaryOp
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.Unary(x.Input(0), default(Map));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => [g.Builder.Neg(g.Grad)];

    private readonly struct Map : IUnaryMap
    {
        public T Invoke<T>(T x) where T : unmanaged, INumber<T>, IMinMaxValue<T> => -x;
    }
}
