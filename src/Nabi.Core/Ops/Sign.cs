using System.Numerics;

namespace Nabi.Ops;

/// <summary>ONNX <c>Sign</c>: -1, 0 or 1; NaN stays NaN. Its derivative is 0 almost everywhere.</summary>
public sealed record Sign : UnaryOp
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.Unary(x.Input(0), default(Map));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => [null];

    private readonly struct Map : IUnaryMap
    {
        public T Invoke<T>(T x) where T : unmanaged, INumber<T>, IMinMaxValue<T> => x > T.Zero ? T.One : x < T.Zero ? -T.One : x;
    }
}
