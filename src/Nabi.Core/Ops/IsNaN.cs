using System.Numerics;

namespace Nabi.Ops;

/// <summary>ONNX <c>IsNaN</c>: is the element not a number? The output is <see cref="DType.Bool"/>.</summary>
public sealed record IsNaN : Op
{
    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x) => x.Input(0) with { DType = DType.Bool };

    /// <inheritdoc/>
    public override DType UnrankedType(int index, InferContext x) => DType.Bool;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.Ask(x.Input(0), default(Map));

    private readonly struct Map : IFloatQuestion
    {
        public bool Invoke<T>(T x) where T : unmanaged, IFloatingPointIeee754<T> => T.IsNaN(x);
    }

    /// <inheritdoc/>
    public override void Couple(CouplingContext c) => c.TieAll(c.Input(0), c.Output());
}
