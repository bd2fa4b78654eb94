namespace Nabi.Ops;

/// <summary>ONNX <c>HammingWindow</c>: 25/46 - 21/46 cos(2πn/N).</summary>
public sealed record HammingWindow : WindowFunction
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Window(x, 25 / 46.0, 21 / 46.0, 0);
}
