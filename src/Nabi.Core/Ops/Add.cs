using System.Numerics;

namespace Nabi.Ops;

/// <summary>ONNX <c>Add</c>: a + b, with broadcasting.</summary>
public sealed record Add : BinaryOp
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.Binary(x.Input(0), x.Input(1), default(Map));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var b = g.Builder;
        return [b.SumTo(g.Grad, g.Input(0)), b.SumTo(g.Grad, g.Input(1))];
    }

    private readonly struct Map : IBinaryMap
    {
        public T Invoke<T>(T a, T b) where T : unmanaged, INumber<T>, IMinMaxValue<T> => a + b;
    }
}
