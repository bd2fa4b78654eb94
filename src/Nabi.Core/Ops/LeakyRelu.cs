using System.Numerics;

namespace Nabi.Ops;

/// <summary>ONNX <c>LeakyRelu</c>: x for x ≥ 0, Alpha x below. The derivative at 0 is 1.</summary>
public sealed record LeakyRelu : UnaryOp
{
    /// <summary>The slope below 0. Default 0.01.</summary>
    public float Alpha { get; init; } = 0.01f;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.UnaryFloat(x.Input(0), new Map(Alpha));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var b = g.Builder;
        return [b.Where(b.Less(g.Input(0), 0), b.Mul(g.Grad, Alpha), g.Grad)];
    }

    private readonly record struct Map(float Alpha) : IFloatMap
    {
        public T Invoke<T>(T x) where T : unmanaged, IFloatingPointIeee754<T>, IMinMaxValue<T> => x < T.Zero ? T.CreateTruncating(Alpha) * x : x;
    }
}
