using System.Numerics;

namespace Nabi.Ops;

/// <summary>
/// ONNX <c>Shrink</c>: x + Bias where x &lt; -Lambd, x - Bias where x &gt; Lambd, 0 between. With Bias 0 it is hard, with Bias
/// = Lambd soft thresholding.
/// </summary>
public sealed record Shrink : UnaryOp
{
    /// <summary>Subtracted from the magnitude. Default 0.</summary>
    public float Bias { get; init; }

    /// <summary>Half the width of the dead zone, at least 0. Default 0.5.</summary>
    public float Lambd { get; init; } = 0.5f;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.Unary(x.Input(0), new Map(Bias, Lambd));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => [g.Builder.Masked(g.Grad, g.Builder.Greater(g.Builder.Abs(g.Input(0)), Lambd))];

    private readonly record struct Map(float Bias, float Lambd) : IUnaryMap
    {
        public T Invoke<T>(T x) where T : unmanaged, INumber<T>, IMinMaxValue<T>
        {
            var value = double.CreateTruncating(x);
            return value < -Lambd ? T.CreateTruncating(value + Bias) : value > Lambd ? T.CreateTruncating(value - Bias) : T.IsNaN(x) ? x : T.Zero;
        }
    }
}
