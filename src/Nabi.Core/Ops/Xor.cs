using System.Numerics;

namespace Nabi.Ops;

/// <summary>ONNX <c>Xor</c>: is exactly one true? With broadcasting.</summary>
public sealed record Xor : ComparisonOp
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.Compare(x.Input(0), x.Input(1), default(Map));

    private readonly struct Map : IComparison
    {
        public bool Invoke<T>(T a, T b) where T : unmanaged, INumber<T> => (a != T.Zero) != (b != T.Zero);
    }
}
