using System.Globalization;
using Nabi.Compression.Recipes;

namespace Nabi.Compression.Quantization;

/// <summary>
/// Quantization with as many bits for each layer's weights as it needs: layers are measured, then bits are allocated so that the summed damage is least
/// within a budget (Dong et al. 2020, HAWQ-V2, section 4; see <see cref="BitAllocation"/>). The note it leaves names every layer's bits as
/// <c>layer-bits</c> of the step <see cref="Quantize"/>.
/// </summary>
public sealed record MixedPrecision : CompressionStep
{
    /// <summary>The numbers of bits to choose from. Default 4 and 8. Each 2 to 8.</summary>
    public ValueArray<string> Choices { get; init; } = ["4", "8"];

    /// <summary>How layers are measured: <c>sqnr</c> at the output, <c>accuracy</c> by the loss, <c>hessian</c> by its trace. Default sqnr.</summary>
    public string Sensitivity { get; init; } = "sqnr";

    /// <summary>
    /// What is limited: <c>bytes</c> of the weights as stored, where 2 and 3 bits take 4, or <c>bops</c>, multiply-accumulates times the bits of both
    /// operands. Default bytes.
    /// </summary>
    public string Budget { get; init; } = "bytes";

    /// <summary>The limit, as the mean bits of a weight (of a weight per multiply-accumulate with bops). Default 5. Range 2 to 8.</summary>
    public double AverageBits { get; init; } = 5;

    /// <summary>Bits of activations: 2 to 8, 16, or 32, which leaves them in float. Default 8.</summary>
    public int ActivationBits { get; init; } = 8;

    /// <summary>How ranges of activations are chosen: one of <see cref="Observer.Names"/>. Default mse.</summary>
    public string Observer { get; init; } = "mse";

    /// <summary>Calibration samples. Default 256. Range 1 to 1,000,000.</summary>
    public int Samples { get; init; } = 256;

    /// <summary>Learn the rounding of the weights (<see cref="AdaRound"/>)? Default false.</summary>
    public bool LearnRounding { get; init; }

    /// <inheritdoc/>
    public override string? Fault => OutOfRange("average-bits", AverageBits, 2, 8)
        ?? (Budget is "bytes" or "bops" ? null : $"budget is '{Budget}' but must be bytes or bops")
        ?? (LayerSensitivity.Names.Contains(Sensitivity) ? null : $"there is no sensitivity '{Sensitivity}'; there are {string.Join(", ", LayerSensitivity.Names)}")
        ?? (Choices.Count is > 0 and <= 7 && Choices.All(c => c is ['2' or '3' or '4' or '5' or '6' or '7' or '8']) ? null : "choices must be some of 2 to 8 bits")
        ?? General.Fault;

    private Quantize General => new() { WeightBits = 8, ActivationBits = ActivationBits, Observer = Observer, Samples = Samples };

    /// <inheritdoc/>
    public override Graph Apply(Graph graph, CompressionContext context)
    {
        var bits = Choices.Select(c => int.Parse(c, CultureInfo.InvariantCulture)).Distinct().Order().ToArray();
        var prepared = QuantizationPreparation.Of(graph, General.Settings, context);
        var damage = LayerSensitivity.Create(Sensitivity).Damage(prepared, bits, Math.Min(Samples, 128), context);
        var sizes = Sizes(prepared);
        var chosen = BitAllocation.Choose(damage, [.. sizes.Select(s => bits.Select(b => s * Charged(b)).ToArray())], (long)(AverageBits * sizes.Sum()));
        ValueArray<string> layerBits = ValueArray.Create<string>([.. prepared.Layers.Select((l, i) => $"{l.Name}={bits[chosen[i]]}")]);
        context.Notes.Add($"{Name}: layer-bits: [{string.Join(", ", layerBits)}], {Mean(sizes, chosen, bits):F2} bits on average.");
        return LearnRounding
            ? new AdaRound { WeightBits = 8, ActivationBits = ActivationBits, Observer = Observer, LayerBits = layerBits }.Apply(graph, context)
            : (General with { LayerBits = layerBits }).Apply(graph, context);
    }

    // Activations have the same bits everywhere, so that they do not change the proportions of bit operations.
    private long[] Sizes(QuantizationPreparation prepared)
    {
        if (Budget == "bytes") return [.. prepared.Layers.Select(l => (long)l.Inputs[WeightAxes.Of(l)!.Value.Input]!.Shape.Count)];
        var macs = prepared.Folded.WithBatch(1).Nodes.ToDictionary(n => n.Name, n => n.Cost.Macs, StringComparer.Ordinal);
        return [.. prepared.Layers.Select(l => macs[l.Name])];
    }

    private int Charged(int bits) => Budget == "bytes" ? new WeightFormat { Bits = bits }.Stored.Bits() : bits;

    private double Mean(long[] sizes, int[] chosen, int[] bits) => sizes.Select((s, i) => (double)s * Charged(bits[chosen[i]])).Sum() / Math.Max(1, sizes.Sum());
}

/// <summary>Writes <see cref="Quantization.MixedPrecision"/> in recipes.</summary>
public static class MixedPrecisionRecipe
{
    /// <summary>Adds quantization with bits per layer.</summary>
    public static Recipe MixedPrecision(this Recipe recipe, Func<MixedPrecision, MixedPrecision>? settings = null) =>
        recipe.Then(settings?.Invoke(new MixedPrecision()) ?? new MixedPrecision());
}
