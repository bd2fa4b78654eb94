using System.Numerics;

namespace Nabi.Ops;

/// <summary>ONNX <c>HardSigmoid</c>: max(0, min(1, Alpha x + Beta)). The derivative at both corners is 0.</summary>
public sealed record HardSigmoid : UnaryOp
{
    /// <summary>The slope. Default 0.2.</summary>
    public float Alpha { get; init; } = 0.2f;

    /// <summary>The value at 0. Default 0.5.</summary>
    public float Beta { get; init; } = 0.5f;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.UnaryFloat(x.Input(0), new Map(Alpha, Beta));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var b = g.Builder;
        var inside = b.And(b.Greater(g.Output(), 0), b.Less(g.Output(), 1));
        return [b.Masked(b.Mul(g.Grad, Alpha), inside)];
    }

    private readonly record struct Map(float Alpha, float Beta) : IFloatMap
    {
        public T Invoke<T>(T x) where T : unmanaged, IFloatingPointIeee754<T>, IMinMaxValue<T> => T.Max(T.Zero, T.Min(T.One, T.CreateTruncating(Alpha) * x + T.CreateTruncating(Beta)));
    }
}
