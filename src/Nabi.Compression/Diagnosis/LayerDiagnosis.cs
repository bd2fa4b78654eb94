namespace Nabi.Compression.Diagnosis;

/// <summary>What compression did to one layer.</summary>
/// <param name="Node">The layer's node.</param>
/// <param name="Op">Its operator.</param>
/// <param name="Form">How the compressed network stores its weight and rounds its input, for example <c>int8 per channel, input int8</c>.</param>
public sealed record LayerDiagnosis(string Node, string Op, string Form)
{
    /// <summary>
    /// Signal-to-quantization-noise ratio of the output against the original's in dB, with all that was done before the layer; null where the
    /// shapes differ.
    /// </summary>
    public double? Sqnr { get; init; }

    /// <summary>Smallest value that the input takes in the original.</summary>
    public float InputMin { get; init; }

    /// <summary>Largest value that the input takes in the original.</summary>
    public float InputMax { get; init; }

    /// <summary>Share of the input's values beyond what the rounded input can hold, 0 to 1; null where the input is not rounded.</summary>
    public double? Saturation { get; init; }

    /// <summary>
    /// Bits that the rounded input spends on values that hardly occur: the binary logarithm of its range over the range that 99.8 % of the values
    /// need; null where the input is not rounded.
    /// </summary>
    public double? WastedBits { get; init; }

    /// <summary>Largest magnitude of the input over the median of its channels' largest: what one scale for all of them costs. At least 1.</summary>
    public double InputSpread { get; init; } = 1;

    /// <summary>Largest magnitude of the weight over the median of its channels' largest: what one scale for all channels costs. At least 1.</summary>
    public double ChannelSpread { get; init; } = 1;

    /// <summary>
    /// How far the output's mean has moved, channel by channel, in standard deviations of the channel (root of the mean square over channels);
    /// null where the shapes differ.
    /// </summary>
    public double? Shift { get; init; }

    /// <summary>
    /// The part of the divergence from the original's answers that goes away when this layer alone is as in the original: weight, bias and
    /// input without rounding. Negative when errors cancelled each other; null when it was not tried.
    /// </summary>
    public double? Restored { get; init; }

    /// <summary>
    /// The divergence of the original with this layer alone as in the compressed network, as part of the whole divergence; null when it was not
    /// tried. Where several layers are ruined, none of them restores much by itself, but each causes much.
    /// </summary>
    public double? Caused { get; init; }

    /// <summary>The same of weight and bias alone; null where their shapes differ.</summary>
    public double? CausedByWeight { get; init; }

    /// <summary>The same of the input's rounding alone; null where it is not rounded.</summary>
    public double? CausedByInput { get; init; }

    /// <summary>The larger of <see cref="Restored"/> and <see cref="Caused"/>: how much the layer is to blame.</summary>
    public double Blame => Math.Max(Restored ?? 0, Caused ?? 0);

    /// <summary>The change of accuracy, in parts of all samples, when the layer is as in the original; null when it was not tried.</summary>
    public double? AccuracyGain { get; init; }

    /// <summary>What to do about it, the most promising first; empty for layers that cost little.</summary>
    public IReadOnlyList<string> Mends { get; init; } = [];

    /// <summary>Bits of the weight as stored; 32 where it is a float.</summary>
    internal int WeightBits { get; init; } = 32;

    /// <summary>Has the weight one scale for all channels?</summary>
    internal bool IsPerTensor { get; init; }

    /// <summary>Has it been made smaller or sparser?</summary>
    internal bool IsPruned { get; init; }
}
