using Nabi.Compression.Recipes;

namespace Nabi.Compression.Quantization;

/// <summary>
/// Post-training quantization to int8: batch normalization is folded, activations are observed on calibration samples and rounded to
/// asymmetric int8 per tensor, weights to symmetric int8 per output channel, biases to int32. The graph holds the integers. <see cref="Quantize"/> with 8 bits.
/// </summary>
public sealed record QuantizeInt8 : CompressionStep
{
    /// <summary>How ranges of activations are chosen: one of <see cref="Observer.Names"/>. Default mse.</summary>
    public string Observer { get; init; } = "mse";

    /// <summary>Calibration samples. Default 256. Range 1 to 1,000,000.</summary>
    public int Samples { get; init; } = 256;

    /// <summary>One weight scale per output channel? Otherwise one per tensor. Default true.</summary>
    public bool PerChannel { get; init; } = true;

    /// <summary>Leave the first layer in float? Default false.</summary>
    public bool KeepFirst { get; init; }

    /// <summary>Leave the last layer in float? Default false.</summary>
    public bool KeepLast { get; init; }

    /// <summary>Names of layers to leave in float. Default none.</summary>
    public ValueArray<string> Keep { get; init; } = [];

    /// <summary>Take the shift that rounding gives each channel's mean off the bias? Default true.</summary>
    public bool BiasCorrection { get; init; } = true;

    /// <inheritdoc/>
    public override string? Fault => General.Fault;

    private Quantize General => new()
    {
        Observer = Observer,
        Samples = Samples,
        PerChannel = PerChannel,
        KeepFirst = KeepFirst,
        KeepLast = KeepLast,
        Keep = Keep,
        BiasCorrection = BiasCorrection,
    };

    /// <inheritdoc/>
    public override Graph Apply(Graph graph, CompressionContext context) => General.Apply(graph, context);
}

/// <summary>Writes <see cref="Quantization.QuantizeInt8"/> in recipes.</summary>
public static class QuantizeInt8Recipe
{
    /// <summary>Adds post-training quantization to int8.</summary>
    public static Recipe QuantizeInt8(this Recipe recipe, Func<QuantizeInt8, QuantizeInt8>? settings = null) =>
        recipe.Then(settings?.Invoke(new QuantizeInt8()) ?? new QuantizeInt8());
}
