using System.Numerics;

namespace Nabi.Ops;

/// <summary>
/// ONNX <c>Max</c>: the largest of one or more tensors that broadcast; NaN if one is NaN. Equal largest inputs share the
/// gradient equally.
/// </summary>
public sealed record Max : VariadicOp
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Fold(x, default(Map));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => ExtremumGradient(g);

    private readonly struct Map : IBinaryMap
    {
        public T Invoke<T>(T a, T b) where T : unmanaged, INumber<T>, IMinMaxValue<T> => T.Max(a, b);
    }
}
