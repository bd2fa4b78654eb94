namespace Nabi;

/// <summary>Keys of <see cref="Graph.Metadata"/> that Nabi reads and writes; files keep them as ONNX metadata properties.</summary>
public static class MetadataKeys
{
    /// <summary>Class names, separated by line feeds, in the order of the logits.</summary>
    public const string Labels = "nabi.labels";

    /// <summary>Per-channel mean subtracted from inputs scaled to [0, 1], separated by commas.</summary>
    public const string Mean = "nabi.input.mean";

    /// <summary>Per-channel divisor after <see cref="Mean"/> is subtracted, separated by commas.</summary>
    public const string Std = "nabi.input.std";

    /// <summary>The data set it was trained on.</summary>
    public const string DataSet = "nabi.data";

    /// <summary>How it came to be: one line per step, oldest first.</summary>
    public const string Provenance = "nabi.provenance";

    /// <summary>The architecture it was built from.</summary>
    public const string Architecture = "nabi.architecture";

    /// <summary>The name of a scalar output that training adds to its loss: terms that only the network knows.</summary>
    public const string AuxiliaryLoss = "nabi.auxiliary_loss";

    /// <summary>
    /// Followed by a value's name: mean and standard deviation of its channels, each separated by commas, a semicolon between. What batch
    /// normalization told before it was folded; steps that need it read it and take it off.
    /// </summary>
    public const string Activations = "nabi.activations.";
}
