using System.Numerics;

namespace Nabi.Ops;

/// <summary>ONNX <c>Div</c>: a / b with broadcasting; integers truncate toward zero, and their division by 0 is an error.</summary>
public sealed record Div : BinaryOp
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.Binary(x.Input(0), x.Input(1), default(Map));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var b = g.Builder;
        var byDivisor = b.Div(g.Grad, g.Input(1));
        return [b.SumTo(byDivisor, g.Input(0)), b.SumTo(b.Neg(b.Mul(byDivisor, g.Output())), g.Input(1))];
    }

    private readonly struct Map : IBinaryMap
    {
        public T Invoke<T>(T a, T b) where T : unmanaged, INumber<T>, IMinMaxValue<T>
        {
            if (!Numeric.IsInteger<T>()) return a / b;
            if (b == T.Zero) throw new NabiException("an integer is divided by 0");
            return T.IsNegative(b) && b == -T.One ? -a : a / b;
        }
    }
}
