using System.Numerics;

namespace Nabi.Ops;

/// <summary>ONNX <c>Sum</c>: the sum of one or more tensors that broadcast.</summary>
public sealed record Sum : VariadicOp
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Fold(x, default(Map));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => [.. g.Node.Inputs.Select(v => g.Builder.SumTo(g.Grad, v!))];

    private readonly struct Map : IBinaryMap
    {
        public T Invoke<T>(T a, T b) where T : unmanaged, INumber<T>, IMinMaxValue<T> => a + b;
    }
}
