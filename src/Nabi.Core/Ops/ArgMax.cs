namespace Nabi.Ops;

/// <summary>ONNX <c>ArgMax</c>: the index of the largest element along an axis.</summary>
public sealed record ArgMax : ArgReduction
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Search(x, 1);
}
