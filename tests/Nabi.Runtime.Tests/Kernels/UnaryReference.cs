using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Tests.Kernels;

/// <summary>The functions of one variable in double precision.</summary>
internal static class UnaryReference
{
    public static double Evaluate(Unary f, double x) => f.Kind switch
    {
        UnaryKind.Identity => x,
        UnaryKind.Relu => Math.Max(x, 0),
        UnaryKind.Clip => Math.Min(Math.Max(x, f.Alpha), f.Beta),
        UnaryKind.LeakyRelu => x < 0 ? f.Alpha * x : x,
        UnaryKind.Elu => x < 0 ? f.Alpha * (Math.Exp(x) - 1) : x,
        UnaryKind.HardSigmoid => Math.Clamp((f.Alpha * x) + f.Beta, 0, 1),
        UnaryKind.HardSwish => x * Math.Clamp((x / 6) + 0.5, 0, 1),
        UnaryKind.Sigmoid => 1 / (1 + Math.Exp(-x)),
        UnaryKind.Silu => x / (1 + Math.Exp(-x)),
        UnaryKind.Gelu => x / 2 * (1 + Erf(x / Math.Sqrt(2))),
        UnaryKind.GeluTanh => x / 2 * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x)))),
        UnaryKind.Tanh => Math.Tanh(x),
        UnaryKind.Softplus => Math.Max(x, 0) + Math.Log(1 + Math.Exp(-Math.Abs(x))),
        UnaryKind.Exp => Math.Exp(x),
        UnaryKind.Log => Math.Log(x),
        UnaryKind.Sqrt => Math.Sqrt(x),
        UnaryKind.ReciprocalSqrt => 1 / Math.Sqrt(x),
        UnaryKind.Reciprocal => 1 / x,
        UnaryKind.Abs => Math.Abs(x),
        UnaryKind.Negate => -x,
        UnaryKind.Square => x * x,
        UnaryKind.Erf => Erf(x),
        UnaryKind.Round => Math.Round(x, MidpointRounding.ToEven),
        UnaryKind.Sign => Math.Sign(x),
        _ => throw new ArgumentOutOfRangeException(nameof(f)),
    };

    /// <summary>Maclaurin series, exact to double precision for |x| up to 4 or so, and 1 beyond 6.</summary>
    public static double Erf(double x)
    {
        if (Math.Abs(x) > 5)
            return Math.Sign(x);
        // erf(x) = 2/sqrt(pi) exp(-x^2) sum 2^n x^(2n+1) / (2n+1)!!: all terms of one sign, no cancellation.
        double term = x, sum = x;
        for (var n = 1; n < 200; n++)
        {
            term *= 2 * x * x / ((2 * n) + 1);
            sum += term;
        }
        return 2 / Math.Sqrt(Math.PI) * Math.Exp(-x * x) * sum;
    }
}
