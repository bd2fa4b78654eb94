using System.Numerics;

namespace Nabi.Ops;

/// <summary>ONNX <c>BitwiseNot</c>: every bit flipped. In two's complement that is -x - 1.</summary>
public sealed record BitwiseNot : UnaryOp
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.Unary(x.Input(0), default(Map));

    private readonly struct Map : IUnaryMap
    {
        public T Invoke<T>(T x) where T : unmanaged, INumber<T>, IMinMaxValue<T> => -x - T.One;
    }
}
