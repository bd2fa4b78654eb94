using System.Numerics;

namespace Nabi.Ops;

/// <summary>ONNX <c>Not</c>: logical negation.</summary>
public sealed record Not : UnaryOp
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.Unary(x.Input(0), default(Map));

    private readonly struct Map : IUnaryMap
    {
        public T Invoke<T>(T x) where T : unmanaged, INumber<T>, IMinMaxValue<T> => x == T.Zero ? T.One : T.Zero;
    }
}
