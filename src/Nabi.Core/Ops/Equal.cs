using System.Numerics;

namespace Nabi.Ops;

/// <summary>ONNX <c>Equal</c>: is a the same as b? With broadcasting; NaN equals nothing.</summary>
public sealed record Equal : ComparisonOp
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.Compare(x.Input(0), x.Input(1), default(Map));

    private readonly struct Map : IComparison
    {
        public bool Invoke<T>(T a, T b) where T : unmanaged, INumber<T> => a == b;
    }
}
