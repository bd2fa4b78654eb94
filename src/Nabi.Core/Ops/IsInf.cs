using System.Numerics;

namespace Nabi.Ops;

/// <summary>ONNX <c>IsInf</c>: is the element infinite? The output is <see cref="DType.Bool"/>.</summary>
public sealed record IsInf : Op
{
    /// <summary>Does negative infinity count? Default true.</summary>
    public bool DetectNegative { get; init; } = true;

    /// <summary>Does positive infinity count? Default true.</summary>
    public bool DetectPositive { get; init; } = true;

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x) => x.Input(0) with { DType = DType.Bool };

    /// <inheritdoc/>
    public override DType UnrankedType(int index, InferContext x) => DType.Bool;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.Ask(x.Input(0), new Map(DetectNegative, DetectPositive));

    private readonly record struct Map(bool Negative, bool Positive) : IFloatQuestion
    {
        public bool Invoke<T>(T x) where T : unmanaged, IFloatingPointIeee754<T> =>
            (Negative && T.IsNegativeInfinity(x)) || (Positive && T.IsPositiveInfinity(x));
    }

    /// <inheritdoc/>
    public override void Couple(CouplingContext c) => c.TieAll(c.Input(0), c.Output());
}
