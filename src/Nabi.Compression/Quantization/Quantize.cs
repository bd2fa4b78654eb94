using Nabi.Compression.Recipes;

namespace Nabi.Compression.Quantization;

/// <summary>
/// Post-training quantization to a chosen number of bits: batch normalization is folded, activations are observed on calibration samples and rounded per
/// tensor, weights per tensor, output channel or group of inputs, biases to 32-bit integers where products are summed as integers. The graph holds the
/// integers (Nagel et al. 2021, A White Paper on Neural Network Quantization, section 2). 2 and 3 bits are stored in 4, 4-bit activations in 8, because
/// no narrower types exist; 8-bit activations with symmetric weights of up to 8 bits per tensor or channel run on integer kernels, everything else computes
/// in float between stored integers.
/// </summary>
public sealed record Quantize : CompressionStep
{
    /// <summary>The setting of <see cref="ActivationBits"/> that leaves activations in float.</summary>
    public const int FloatBits = 32;

    /// <summary>Bits of weights. Default 8. Range 2 to 8, or 16.</summary>
    public int WeightBits { get; init; } = 8;

    /// <summary>Bits of activations: 2 to 8, 16, or 32, which leaves them and biases in float and needs no data. Default 8.</summary>
    public int ActivationBits { get; init; } = 8;

    /// <summary>One weight scale per output channel? Otherwise one per tensor. Default true.</summary>
    public bool PerChannel { get; init; } = true;

    /// <summary>Inputs of an output channel that share a weight scale (16, 32, 64 and 128 are usual); 0 is all of them. Default 0. Range 8 to 65536, or 0.</summary>
    public int GroupSize { get; init; }

    /// <summary>Do weights have a zero point? Then they do not run on integer kernels. Default false.</summary>
    public bool AsymmetricWeights { get; init; }

    /// <summary>Is the zero point of activations 0? Default false.</summary>
    public bool SymmetricActivations { get; init; }

    /// <summary>Weight bits of single layers, each as <c>name=bits</c>. Default none.</summary>
    public ValueArray<string> LayerBits { get; init; } = [];

    /// <summary>How ranges of activations are chosen: one of <see cref="Observer.Names"/>. Default mse.</summary>
    public string Observer { get; init; } = "mse";

    /// <summary>Calibration samples. Default 256. Range 1 to 1,000,000.</summary>
    public int Samples { get; init; } = 256;

    /// <summary>Leave the first layer in float? Default false.</summary>
    public bool KeepFirst { get; init; }

    /// <summary>Leave the last layer in float? Default false.</summary>
    public bool KeepLast { get; init; }

    /// <summary>Names of layers to leave in float. Default none.</summary>
    public ValueArray<string> Keep { get; init; } = [];

    /// <summary>Take the shift that rounding gives each channel's mean off the bias? Default true.</summary>
    public bool BiasCorrection { get; init; } = true;

    /// <summary>
    /// Follows that shift from batch normalization's scales and shifts (Nagel et al. 2019, section 4.2.1) instead of from data? Default false, and true
    /// where activations stay in float, which needs no data at all.
    /// </summary>
    public bool AnalyticBias { get; init; }

    /// <inheritdoc/>
    public override string? Fault => BitsFault("weight-bits", WeightBits)
        ?? (ActivationBits == FloatBits ? null : BitsFault("activation-bits", ActivationBits, " or 32 for float"))
        ?? (GroupSize == 0 ? null : OutOfRange("group-size", GroupSize, 8, 65536))
        ?? OutOfRange("samples", Samples, 1, 1_000_000)
        ?? LayerBits.Select(l => LayerBitsOf(l) is null ? $"layer-bits has '{l}' but each must be a node's name, '=', and 2 to 8 or 16" : null).FirstOrDefault(f => f is not null)
        ?? (Quantization.Observer.Names.Contains(Observer) ? null
            : $"there is no observer '{Observer}'; there are {string.Join(", ", Quantization.Observer.Names)}");

    /// <summary>The settings of the mechanism.</summary>
    internal QuantizationSettings Settings => new()
    {
        Observer = Observer,
        Samples = Samples,
        Weights = new WeightFormat { Bits = WeightBits, PerChannel = PerChannel, GroupSize = GroupSize, IsSymmetric = !AsymmetricWeights },
        LayerBits = LayerBits.Select(l => LayerBitsOf(l)!.Value).ToDictionary(l => l.Name, l => l.Bits, StringComparer.Ordinal),
        Activations = ActivationBits == FloatBits ? null : new IntegerFormat(ActivationBits, SymmetricActivations),
        Kept = new KeptLayers(KeepFirst, KeepLast, Keep),
    };

    /// <inheritdoc/>
    public override Graph Apply(Graph graph, CompressionContext context)
    {
        var known = ActivationStatistics.Of(graph);
        return Finish(QuantizationPreparation.Of(graph, Settings, context), known, context);
    }

    /// <summary>Corrects biases, reports on every layer and stores integers.</summary>
    internal Graph Finish(QuantizationPreparation prepared, ActivationStatistics known, CompressionContext context)
    {
        var fake = BiasCorrection ? Corrected(prepared, known, context) : prepared.Fake;
        context.Report("comparing layers");
        context.Notes.Layers = prepared.Compare(fake, context, Math.Min(Samples, 64));
        return Integers.Pass.Apply(ActivationStatistics.Without(fake));
    }

    private Graph Corrected(QuantizationPreparation prepared, ActivationStatistics known, CompressionContext context)
    {
        if (!AnalyticBias && ActivationBits != FloatBits) return Quantization.BiasCorrection.Apply(prepared, context, Math.Min(Samples, 128));
        var (fake, corrected) = AnalyticBiasCorrection.Apply(prepared, known);
        context.Notes.Add($"{Name}: {corrected} of {prepared.Biases.Count()} biases were corrected from the statistics of batch normalization.");
        return fake;
    }

    private static string? BitsFault(string setting, int bits, string more = "") =>
        bits is (>= 2 and <= 8) or 16 ? null : $"{setting} is {bits} but must be 2 to 8, 16{more}";

    private static (string Name, int Bits)? LayerBitsOf(string text)
    {
        var at = text.LastIndexOf('=');
        return at > 0 && int.TryParse(text.AsSpan(at + 1), System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var bits)
            && BitsFault("", bits) is null ? (text[..at], bits) : null;
    }
}

/// <summary>Writes <see cref="Quantization.Quantize"/> in recipes.</summary>
public static class QuantizeRecipe
{
    /// <summary>Adds post-training quantization.</summary>
    public static Recipe Quantize(this Recipe recipe, Func<Quantize, Quantize>? settings = null) =>
        recipe.Then(settings?.Invoke(new Quantize()) ?? new Quantize());
}
