using Nabi.Compression.Recipes;

namespace Nabi.Compression.Quantization;

/// <summary>
/// Weight-only quantization to int4, without data: batch normalization is folded, weights are rounded to the nearest of 16 symmetric steps, with one
/// scale per output channel or per group of input channels. Activations and biases stay floats. Of a few scales the one of least squared error is taken.
/// Depthwise and transposed convolutions stay in float: they hold few weights.
/// </summary>
public sealed record QuantizeInt4 : CompressionStep
{
    /// <summary>Input channels that share a scale (16, 32, 64 and 128 are usual); 0 is one scale per output channel. Default 32. Range 8 to 65536, or 0.</summary>
    public int GroupSize { get; init; } = 32;

    /// <summary>Leave the first layer in float? Default true: it holds few weights and sees every pixel.</summary>
    public bool KeepFirst { get; init; } = true;

    /// <summary>Leave the last layer in float? Default false.</summary>
    public bool KeepLast { get; init; }

    /// <summary>Names of layers to leave in float. Default none.</summary>
    public ValueArray<string> Keep { get; init; } = [];

    /// <inheritdoc/>
    public override string? Fault => GroupSize == 0 ? null : OutOfRange("group-size", GroupSize, 8, 65536);

    /// <inheritdoc/>
    public override Graph Apply(Graph graph, CompressionContext context) => Integers.Pass.Apply(QuantizationPreparation.Of(graph, new()
    {
        Weights = new WeightFormat { Bits = 4, GroupSize = GroupSize },
        Activations = null,
        Kept = new KeptLayers(KeepFirst, KeepLast, Keep, Grouped: true),
    }, context).Fake);
}

/// <summary>Writes <see cref="Quantization.QuantizeInt4"/> in recipes.</summary>
public static class QuantizeInt4Recipe
{
    /// <summary>Adds weight-only quantization to int4.</summary>
    public static Recipe QuantizeInt4(this Recipe recipe, Func<QuantizeInt4, QuantizeInt4>? settings = null) =>
        recipe.Then(settings?.Invoke(new QuantizeInt4()) ?? new QuantizeInt4());
}
