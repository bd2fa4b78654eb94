namespace Nabi.Formats;

/// <summary>How an ONNX file is written.</summary>
public sealed record OnnxWriteOptions
{
    /// <summary>The operator set, 17 to 22. Default: the lowest that has every operator of the graph in the form it is used.</summary>
    public int? Opset { get; init; }

    /// <summary>
    /// Tensors of at least this many bytes go to a file beside the model, named like it with <c>.data</c> appended. Default: none, unless
    /// the model would pass the 2 GB that the format allows.
    /// </summary>
    public long? ExternalDataThreshold { get; init; }

    /// <summary>
    /// Write for other runtimes: fake-quantization becomes pairs of QuantizeLinear and DequantizeLinear, and what else only Nabi has is said with
    /// standard operators or refused. When false, operators that only Nabi has are kept, in the domain <c>nabi</c>. Default true.
    /// </summary>
    public bool Exchange { get; init; } = true;
}
