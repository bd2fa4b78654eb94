using System.Numerics;

namespace Nabi.Ops;

/// <summary>
/// ONNX <c>Min</c>: the smallest of one or more tensors that broadcast; NaN if one is NaN. Equal smallest inputs share the
/// gradient equally.
/// </summary>
public sealed record Min : VariadicOp
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Fold(x, default(Map));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => ExtremumGradient(g);

    private readonly struct Map : IBinaryMap
    {
        public T Invoke<T>(T a, T b) where T : unmanaged, INumber<T>, IMinMaxValue<T> => T.Min(a, b);
    }
}
