using System.Numerics;

namespace Nabi.Ops;

/// <summary>ONNX <c>Mean</c>: the arithmetic mean of one or more tensors that broadcast.</summary>
public sealed record Mean : VariadicOp
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) =>
        Elementwise.Unary(Fold(x, default(Plus)), new DividedBy(x.InputCount));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var share = g.Builder.Mul(g.Grad, 1.0 / g.Node.Inputs.Count);
        return [.. g.Node.Inputs.Select(v => g.Builder.SumTo(share, v!))];
    }

    private readonly struct Plus : IBinaryMap
    {
        public T Invoke<T>(T a, T b) where T : unmanaged, INumber<T>, IMinMaxValue<T> => a + b;
    }

    private readonly record struct DividedBy(int Count) : IUnaryMap
    {
        public T Invoke<T>(T x) where T : unmanaged, INumber<T>, IMinMaxValue<T> => x / T.CreateTruncating(Count);
    }
}
