using System.Numerics;

namespace Nabi.Ops;

/// <summary>ONNX <c>BitwiseXor</c>: a exclusive-or b, bit by bit, over integers with broadcasting.</summary>
public sealed record BitwiseXor : BinaryOp
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.Bits(x.Input(0), x.Input(1), default(Map));

    private readonly struct Map : IBitMap
    {
        public T Invoke<T>(T a, T b) where T : unmanaged, IBinaryInteger<T> => a ^ b;
    }
}
