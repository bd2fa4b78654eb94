using System.Numerics;

namespace Nabi.Ops;

/// <summary>
/// ONNX <c>BitShift</c>: the first input shifted by as many bits as the second says, with broadcasting, over unsigned integers. Shifting
/// all bits out leaves 0.
/// </summary>
public sealed record BitShift : BinaryOp
{
    /// <summary><c>LEFT</c> or <c>RIGHT</c>.</summary>
    public required string Direction { get; init; }

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x) => Direction is "LEFT" or "RIGHT"
        ? base.Infer(x)
        : throw x.Fail($"direction is '{Direction}', but must be 'LEFT' or 'RIGHT'");

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.Bits(x.Input(0), x.Input(1), new Map(Direction == "LEFT"));

    private readonly record struct Map(bool IsLeft) : IBitMap
    {
        public T Invoke<T>(T a, T b) where T : unmanaged, IBinaryInteger<T>
        {
            var bits = int.CreateSaturating(b);
            if (bits < 0 || bits >= a.GetByteCount() * 8) return T.Zero;
            return IsLeft ? a << bits : a >>> bits;
        }
    }
}
