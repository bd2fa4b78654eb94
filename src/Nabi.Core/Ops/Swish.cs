using System.Numerics;

namespace Nabi.Ops;

/// <summary>ONNX <c>Swish</c>: x sigmoid(Alpha x) (Ramachandran, Zoph and Le, 2017). With Alpha 1 it is also called SiLU.</summary>
public sealed record Swish : UnaryOp
{
    /// <summary>The factor inside the sigmoid. Default 1.</summary>
    public float Alpha { get; init; } = 1f;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.UnaryFloat(x.Input(0), new Map(Alpha));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var b = g.Builder;
        var s = b.Sigmoid(b.Mul(g.Input(0), Alpha));
        return [b.Mul(g.Grad, b.Add(s, b.Mul(b.Mul(g.Output(), Alpha), b.Sub(1, s))))];
    }

    private readonly record struct Map(float Alpha) : IFloatMap
    {
        public T Invoke<T>(T x) where T : unmanaged, IFloatingPointIeee754<T>, IMinMaxValue<T> => x / (T.One + T.Exp(-T.CreateTruncating(Alpha) * x));
    }
}
