using System.Numerics;

namespace Nabi.Ops;

/// <summary>
/// ONNX <c>Mod</c>: the remainder of a / b, with broadcasting. It has the sign of the divisor, or with <see cref="Fmod"/>, which
/// floating-point inputs need, the sign of the dividend.
/// </summary>
public sealed record Mod : BinaryOp
{
    /// <summary>Does the remainder take the dividend's sign, as C's fmod and C#'s % do? Default false.</summary>
    public bool Fmod { get; init; }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.Binary(x.Input(0), x.Input(1), new Map(Fmod));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        // a mod b = a - b n, where the whole number n = (a - y) / b is constant almost everywhere.
        var b = g.Builder;
        var whole = b.Div(b.Sub(g.Input(0), g.Output()), g.Input(1));
        return [b.SumTo(g.Grad, g.Input(0)), b.SumTo(b.Neg(b.Mul(g.Grad, whole)), g.Input(1))];
    }

    private readonly record struct Map(bool Fmod) : IBinaryMap
    {
        public T Invoke<T>(T a, T b) where T : unmanaged, INumber<T>, IMinMaxValue<T>
        {
            if (Numeric.IsInteger<T>())
            {
                if (b == T.Zero) throw new NabiException("an integer is divided by 0");
                if (b == -T.One) return T.Zero;
            }
            var remainder = a % b;
            return !Fmod && remainder != T.Zero && T.IsNegative(remainder) != T.IsNegative(b) ? remainder + b : remainder;
        }
    }
}
