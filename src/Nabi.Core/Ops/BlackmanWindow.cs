namespace Nabi.Ops;

/// <summary>ONNX <c>BlackmanWindow</c>: 0.42 - 0.5 cos(2πn/N) + 0.08 cos(4πn/N).</summary>
public sealed record BlackmanWindow : WindowFunction
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Window(x, 0.42, 0.5, 0.08);
}
