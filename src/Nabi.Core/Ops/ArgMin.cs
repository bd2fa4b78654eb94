namespace Nabi.Ops;

/// <summary>ONNX <c>ArgMin</c>: the index of the smallest element along an axis.</summary>
public sealed record ArgMin : ArgReduction
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Search(x, -1);
}
