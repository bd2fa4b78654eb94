namespace Nabi.Formats;

/// <summary>How an ONNX file is read.</summary>
public sealed record OnnxReadOptions
{
    /// <summary>Inputs that become constants, by name: shapes, axes or sizes that a model takes as inputs though they never change.</summary>
    public IReadOnlyDictionary<string, Tensor> Bindings { get; init; } = new Dictionary<string, Tensor>(StringComparer.Ordinal);

    /// <summary>Shapes that replace the declared ones, by input name: fixes the batch size, or an image size left open.</summary>
    public IReadOnlyDictionary<string, Shape> InputShapes { get; init; } = new Dictionary<string, Shape>(StringComparer.Ordinal);
}
