namespace Nabi.Ops;

/// <summary>ONNX <c>HannWindow</c>: 1/2 - 1/2 cos(2πn/N).</summary>
public sealed record HannWindow : WindowFunction
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Window(x, 0.5, 0.5, 0);
}
