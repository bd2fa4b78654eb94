namespace Nabi.Compression.Quantization;

/// <summary>What is rounded to which integers, shared by all ways to get there.</summary>
internal sealed record QuantizationSettings
{
    /// <summary>How ranges of activations are chosen: one of <see cref="Quantization.Observer.Names"/>. Default mse.</summary>
    public string Observer { get; init; } = "mse";

    /// <summary>Calibration samples. Default 256.</summary>
    public int Samples { get; init; } = 256;

    /// <summary>The weights. Default 8 bits, symmetric per output channel.</summary>
    public WeightFormat Weights { get; init; } = new();

    /// <summary>Bits of the weights of single layers, by node name; the others have those of <see cref="Weights"/>. Default none.</summary>
    public IReadOnlyDictionary<string, int> LayerBits { get; init; } = new Dictionary<string, int>(StringComparer.Ordinal);

    /// <summary>The activations; null leaves them, and biases, in float. Default 8 bits with a zero point.</summary>
    public IntegerFormat? Activations { get; init; } = IntegerFormat.Int8;

    /// <summary>Which layers stay in float.</summary>
    public KeptLayers Kept { get; init; } = new();

    /// <summary>Are the scales parameters that training changes? Default false.</summary>
    public bool LearnsRanges { get; init; }

    /// <summary>The format of one layer's weights.</summary>
    public WeightFormat WeightsOf(Node layer) => LayerBits.TryGetValue(layer.Name, out var bits) ? Weights with { Bits = bits } : Weights;

    /// <summary>Are a layer's products summed as integers, so that its bias becomes one too?</summary>
    public bool IsSummedAsIntegers(Node layer) => Activations is { Bits: <= 8 } && WeightsOf(layer).IsSummedAsIntegers;
}

/// <summary>Which layers a recipe leaves in float.</summary>
/// <param name="First">The first layer?</param>
/// <param name="Last">The last layer?</param>
/// <param name="Names">Nodes by name; each must be there.</param>
/// <param name="Grouped">Convolutions in groups, which hold few weights?</param>
internal sealed record KeptLayers(bool First = false, bool Last = false, ValueArray<string> Names = default, bool Grouped = false);
