using System.Numerics;

namespace Nabi.Ops;

/// <summary>
/// ONNX <c>Selu</c>: Gamma x for x &gt; 0, Gamma Alpha (exp(x) - 1) otherwise. The defaults make zero mean and unit variance a
/// fixed point (Klambauer and others, 2017).
/// </summary>
public sealed record Selu : UnaryOp
{
    /// <summary>The scale below 0. Default 1.6732632.</summary>
    public float Alpha { get; init; } = 1.6732632f;

    /// <summary>The scale of everything. Default 1.050701.</summary>
    public float Gamma { get; init; } = 1.050701f;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.UnaryFloat(x.Input(0), new Map(Alpha, Gamma));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var b = g.Builder;
        return [b.Where(b.Greater(g.Input(0), 0), b.Mul(g.Grad, Gamma), b.Mul(g.Grad, b.Add(g.Output(), Gamma * (double)Alpha)))];
    }

    private readonly record struct Map(float Alpha, float Gamma) : IFloatMap
    {
        public T Invoke<T>(T x) where T : unmanaged, IFloatingPointIeee754<T>, IMinMaxValue<T> => x > T.Zero ? T.CreateTruncating(Gamma) * x : T.CreateTruncating(Gamma * (double)Alpha) * T.ExpM1(x);
    }
}
