using System.Numerics;

namespace Nabi.Ops;

/// <summary>
/// ONNX <c>Erf</c>: the error function 2/√π times the integral of exp(-t²) from 0 to x. Its derivative is 2/√π exp(-x²).
/// </summary>
public sealed record Erf : UnaryOp
{
    private static readonly double TwoOverRootPi = 2 / Math.Sqrt(Math.PI);

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.Unary(x.Input(0), default(Map));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var b = g.Builder;
        return [b.Mul(g.Grad, b.Mul(b.Exp(b.Neg(b.Square(g.Input(0)))), TwoOverRootPi))];
    }

    /// <summary>The error function to about 15 digits.</summary>
    internal static double Of(double x)
    {
        var z = Math.Abs(x);
        if (double.IsNaN(x)) return x;
        if (z > 6) return Math.Sign(x);
        return Math.Sign(x) * (z < 2.5 ? Series(z) : 1 - Tail(z));
    }

    // Abramowitz and Stegun 7.1.6: erf z = 2/√π exp(-z²) sum of 2^n z^(2n+1) / (1·3···(2n+1)); every term is positive.
    private static double Series(double z)
    {
        var term = z;
        var sum = z;
        for (var n = 1; term > sum * 1e-17; n++)
        {
            term *= 2 * z * z / (2 * n + 1);
            sum += term;
        }
        return TwoOverRootPi * Math.Exp(-z * z) * sum;
    }

    // Abramowitz and Stegun 7.1.14: erfc z = exp(-z²)/√π · 1/(z + (1/2)/(z + 1/(z + (3/2)/(z + ...)))), from the 60th level up.
    private static double Tail(double z)
    {
        var fraction = z;
        for (var n = 60; n > 0; n--) fraction = z + n / 2.0 / fraction;
        return Math.Exp(-z * z) / (Math.Sqrt(Math.PI) * fraction);
    }

    private readonly struct Map : IUnaryMap
    {
        public T Invoke<T>(T x) where T : unmanaged, INumber<T>, IMinMaxValue<T> => T.CreateTruncating(Of(double.CreateTruncating(x)));
    }
}
