using System.Numerics;

namespace Nabi.Ops;

/// <summary>
/// ONNX <c>Gelu</c>: x Φ(x), with Φ the cumulative distribution of the standard normal (Hendrycks and Gimpel, 2016), or its tanh approximation.
/// </summary>
public sealed record Gelu : UnaryOp
{
    // Hendrycks and Gimpel, section 2: 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))).
    private const double Cubic = 0.044715;
    private static readonly double Scale = Math.Sqrt(2 / Math.PI);
    private static readonly double RootHalf = Math.Sqrt(0.5);

    /// <summary><c>none</c> for the exact form, <c>tanh</c> for the approximation. Default <c>none</c>.</summary>
    public string Approximate { get; init; } = "none";

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x) => Approximate is "none" or "tanh"
        ? x.Input(0)
        : throw x.Fail($"approximate is '{Approximate}', but must be 'none' or 'tanh'");

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Approximate == "tanh"
        ? Elementwise.UnaryFloat(x.Input(0), default(Tanhlike))
        : Elementwise.UnaryFloat(x.Input(0), default(Exact));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var (b, x) = (g.Builder, g.Input(0));
        if (Approximate == "none")
        {
            var cumulative = b.Mul(b.Add(b.Erf(b.Mul(x, RootHalf)), 1), 0.5);
            var density = b.Mul(b.Exp(b.Mul(b.Square(x), -0.5)), 1 / Math.Sqrt(2 * Math.PI));
            return [b.Mul(g.Grad, b.Add(cumulative, b.Mul(x, density)))];
        }
        var square = b.Square(x);
        var t = b.Tanh(b.Mul(b.Mul(x, b.Add(b.Mul(square, Cubic), 1)), Scale));
        var inner = b.Mul(b.Add(b.Mul(square, 3 * Cubic), 1), Scale / 2);
        var ofTanh = b.Mul(b.Mul(x, inner), b.Sub(1, b.Square(t)));
        return [b.Mul(g.Grad, b.Add(b.Mul(b.Add(t, 1), 0.5), ofTanh))];
    }

    private readonly struct Exact : IFloatMap
    {
        public T Invoke<T>(T x) where T : unmanaged, IFloatingPointIeee754<T>, IMinMaxValue<T>
        {
            var value = double.CreateTruncating(x);
            return T.CreateTruncating(0.5 * value * (1 + Ops.Erf.Of(value * RootHalf)));
        }
    }

    private readonly struct Tanhlike : IFloatMap
    {
        public T Invoke<T>(T x) where T : unmanaged, IFloatingPointIeee754<T>, IMinMaxValue<T>
        {
            var value = double.CreateTruncating(x);
            return T.CreateTruncating(0.5 * value * (1 + Math.Tanh(Scale * (value + Cubic * value * value * value))));
        }
    }
}
