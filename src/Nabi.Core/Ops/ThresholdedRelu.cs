using System.Numerics;

namespace Nabi.Ops;

/// <summary>ONNX <c>ThresholdedRelu</c>: x where x &gt; Alpha, else 0.</summary>
public sealed record ThresholdedRelu : UnaryOp
{
    /// <summary>The threshold. Default 1.</summary>
    public float Alpha { get; init; } = 1f;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.UnaryFloat(x.Input(0), new Map(Alpha));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => [g.Builder.Masked(g.Grad, g.Builder.Greater(g.Input(0), Alpha))];

    private readonly record struct Map(float Alpha) : IFloatMap
    {
        public T Invoke<T>(T x) where T : unmanaged, IFloatingPointIeee754<T>, IMinMaxValue<T> => x > T.CreateTruncating(Alpha) ? x : T.IsNaN(x) ? x : T.Zero;
    }
}
