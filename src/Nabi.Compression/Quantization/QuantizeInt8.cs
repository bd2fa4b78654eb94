using Nabi.Compression.Recipes;

namespace Nabi.Compression.Quantization;

/// <summary>
/// Post-training quantization to int8: batch normalization is folded, activations are observed on calibration samples and rounded to
/// asymmetric int8 per tensor, weights to symmetric int8 per output channel, biases to int32. The graph holds the integers.
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
    public override string? Fault => OutOfRange("samples", Samples, 1, 1_000_000)
        ?? (Quantization.Observer.Names.Contains(Observer) ? null
            : $"there is no observer '{Observer}'; there are {string.Join(", ", Quantization.Observer.Names)}");

    /// <inheritdoc/>
    public override Graph Apply(Graph graph, CompressionContext context)
    {
        var prepared = Int8Preparation.Of(graph, new(Observer, Samples, PerChannel, KeepFirst, KeepLast, Keep), context);
        var fake = BiasCorrection ? Quantization.BiasCorrection.Apply(prepared.Folded, prepared.Fake, context, Math.Min(Samples, 128))
            : prepared.Fake;
        context.Report("comparing layers");
        context.Notes.Layers = prepared.Compare(fake, context, Math.Min(Samples, 64));
        return Integers.Pass.Apply(fake);
    }
}

/// <summary>Writes <see cref="Quantization.QuantizeInt8"/> in recipes.</summary>
public static class QuantizeInt8Recipe
{
    /// <summary>Adds post-training quantization to int8.</summary>
    public static Recipe QuantizeInt8(this Recipe recipe, Func<QuantizeInt8, QuantizeInt8>? settings = null) =>
        recipe.Then(settings?.Invoke(new QuantizeInt8()) ?? new QuantizeInt8());
}
