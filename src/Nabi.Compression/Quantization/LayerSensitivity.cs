namespace Nabi.Compression.Quantization;

/// <summary>
/// How much a network loses when one layer's weights have fewer bits: what mixed precision is decided by. A sensitivity is a sealed class with a
/// parameterless constructor in one file; recipes find it by its name without "Sensitivity".
/// </summary>
internal abstract class LayerSensitivity
{
    private const string Suffix = "-sensitivity";

    /// <summary>The names of all sensitivities.</summary>
    public static IEnumerable<string> Names => Named<LayerSensitivity>.Names.Select(n => n[..^Suffix.Length]);

    /// <summary>A sensitivity by name.</summary>
    /// <exception cref="NabiException">There is none of that name.</exception>
    public static LayerSensitivity Create(string name) => Names.Contains(name) ? Named<LayerSensitivity>.Create(name + Suffix, "sensitivity")
        : throw new NabiException($"There is no sensitivity '{name}'; there are {string.Join(", ", Names)}.");

    /// <summary>What each number of bits does to each layer; sums over layers are compared, so that only proportions matter.</summary>
    /// <param name="prepared">The network, all weights at the most bits.</param>
    /// <param name="bits">The numbers of bits; <see cref="Quantize.FloatBits"/> leaves weight and input in float.</param>
    /// <param name="samples">Calibration samples to measure on, at most.</param>
    /// <param name="context">Data.</param>
    public abstract IReadOnlyList<double[]> Damage(QuantizationPreparation prepared, IReadOnlyList<int> bits, int samples, CompressionContext context);

    /// <summary>The network with one layer's weights at other bits, or all of that layer in float.</summary>
    protected static Graph With(QuantizationPreparation prepared, Node layer, int bits, CompressionContext context) => bits == Quantize.FloatBits ? prepared.InFloat(layer, context).Fake
        : prepared.With(prepared.Settings with { LayerBits = new Dictionary<string, int>(StringComparer.Ordinal) { [layer.Name] = bits } }).Fake;
}
