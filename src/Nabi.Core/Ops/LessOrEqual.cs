using System.Numerics;

namespace Nabi.Ops;

/// <summary>ONNX <c>LessOrEqual</c>: is a at most b? With broadcasting.</summary>
public sealed record LessOrEqual : ComparisonOp
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.Compare(x.Input(0), x.Input(1), default(Map));

    private readonly struct Map : IComparison
    {
        public bool Invoke<T>(T a, T b) where T : unmanaged, INumber<T> => a <= b;
    }
}
