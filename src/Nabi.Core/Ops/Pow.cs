using System.Numerics;

namespace Nabi.Ops;

/// <summary>
/// ONNX <c>Pow</c>: a to the b, with broadcasting. The exponent may have another element type; the output has that of the base.
/// Integers to integer powers wrap; a negative power of an integer truncates toward zero (0 has none: an error).
/// </summary>
public sealed record Pow : Op
{
    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x) =>
        new TensorType(x.Input(0).DType, Shape.Broadcast(x.Shape(0), x.Shape(1)));

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var (a, b) = (x.Input(0), x.Input(1));
        if (a.DType.IsFloat() || b.DType.IsFloat())
            return Elementwise.Binary(a.Cast(DType.Float64), b.Cast(DType.Float64), default(Real)).Cast(a.DType);
        return Elementwise.Binary(a.Cast(DType.Int64), b.Cast(DType.Int64), default(Whole)).Cast(a.DType);
    }

    /// <inheritdoc/>
    public override void Couple(CouplingContext c)
    {
        foreach (var input in c.Node.Inputs) c.TieBroadcast(input, c.Output());
    }

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var (b, a, exponent) = (g.Builder, g.Input(0), g.Input(1));
        if (exponent.Constant is { Count: 1 } constant && exponent.Shape.Rank <= a.Shape.Rank)
            return [OfBase(g, constant.Item()), null];
        var power = b.Cast(exponent, a.DType);
        var slope = b.Mul(power, b.Pow(a, b.Add(power, -1)));
        var ofBase = b.SumTo(b.Mul(g.Grad, b.Where(b.Equal(power, 0), b.Scalar(0, a), slope)), a);
        if (!exponent.DType.IsFloat()) return [ofBase, null];

        // d a^b / db = a^b ln a, taken as 0 where a is not positive.
        var isPositive = b.Greater(a, 0);
        var log = b.Log(b.Where(isPositive, a, b.Scalar(1, a)));
        var ofExponent = b.Mul(g.Grad, b.Mul(g.Output(), log));
        return [ofBase, b.Cast(b.SumTo(ofExponent, exponent), exponent.DType)];
    }

    private static Value OfBase(GradientContext g, double exponent)
    {
        var (b, a) = (g.Builder, g.Input(0));
        return exponent switch
        {
            0 => b.ZerosLike(a),
            1 => g.Grad,
            2 => b.Mul(g.Grad, b.Mul(a, 2)),
            _ => b.Mul(g.Grad, b.Mul(b.Pow(a, exponent - 1), exponent)),
        };
    }

    private readonly struct Real : IBinaryMap
    {
        public T Invoke<T>(T a, T b) where T : unmanaged, INumber<T>, IMinMaxValue<T> =>
            T.CreateTruncating(Math.Pow(double.CreateTruncating(a), double.CreateTruncating(b)));
    }

    // Square and multiply.
    private readonly struct Whole : IBinaryMap
    {
        public T Invoke<T>(T a, T b) where T : unmanaged, INumber<T>, IMinMaxValue<T>
        {
            if (b < T.Zero)
            {
                if (a == T.Zero) throw new NabiException("0 is raised to a negative integer power");
                if (a != T.One && a != -T.One) return T.Zero;
                b = T.IsOddInteger(b) ? T.One : T.Zero;
            }
            var two = T.One + T.One;
            var result = T.One;
            for (; b > T.Zero; b /= two, a *= a)
                if (T.IsOddInteger(b)) result *= a;
            return result;
        }
    }
}
