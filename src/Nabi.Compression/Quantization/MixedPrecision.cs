using System.Globalization;
using Nabi.Compression.Recipes;

namespace Nabi.Compression.Quantization;

/// <summary>
/// Quantization with as many bits for each layer's weights as it needs: layers are measured, then bits are allocated so that the summed damage is least
/// within a budget (Dong et al. 2020, HAWQ-V2, section 4; see <see cref="BitAllocation"/>): of bytes, of bit operations, or of the time this machine takes (Yao et
/// al. 2021, HAWQ-V3, section 3.4; see <see cref="LayerLatency"/>). The note it leaves names every layer's bits as <c>layer-bits</c> and <c>keep</c> of the step
/// <see cref="Quantize"/>.
/// </summary>
/// <remarks>
/// A budget of time chooses between integers and floats, <c>choices: ["8", "32"]</c>: weights of 2 to 8 bits run on the same integer kernels here, so that fewer than 8 save bytes and
/// no time. Measured times differ from run to run, and with them, where layers are about as good, the choice; equal seeds give equal bits only with the other budgets.
/// </remarks>
public sealed record MixedPrecision : CompressionStep
{
    private const string Time = "latency";

    /// <summary>The numbers of bits to choose from. Default 4 and 8. Each 2 to 8, or, with a budget of latency, 32: a layer whose weights and input stay in float.</summary>
    public ValueArray<string> Choices { get; init; } = ["4", "8"];

    /// <summary>How layers are measured: <c>sqnr</c> at the output, <c>accuracy</c> by the loss, <c>hessian</c> by its trace. Default sqnr.</summary>
    public string Sensitivity { get; init; } = "sqnr";

    /// <summary>
    /// What is limited: <c>bytes</c> of the weights as stored, where 2 and 3 bits take 4, <c>bops</c>, multiply-accumulates times the bits of both
    /// operands, or <c>latency</c>, the measured time of the layers' kernels for one sample. Default bytes.
    /// </summary>
    public string Budget { get; init; } = "bytes";

    /// <summary>The limit, as the mean bits of a weight (of a weight per multiply-accumulate with bops). Default 5. Range 2 to 8. Means nothing to latency.</summary>
    public double AverageBits { get; init; } = 5;

    /// <summary>The limit with a budget of latency, as a part of the time the same layers take in float. Default 0.7. Range 0.01 to 1.</summary>
    public double Latency { get; init; } = 0.7;

    /// <summary>Bits of activations: 2 to 8, 16, or 32, which leaves them in float. Default 8.</summary>
    public int ActivationBits { get; init; } = 8;

    /// <summary>How ranges of activations are chosen: one of <see cref="Observer.Names"/>. Default mse.</summary>
    public string Observer { get; init; } = "mse";

    /// <summary>Calibration samples. Default 256. Range 1 to 1,000,000.</summary>
    public int Samples { get; init; } = 256;

    /// <summary>Learn the rounding of the weights (<see cref="AdaRound"/>)? Default false.</summary>
    public bool LearnRounding { get; init; }

    /// <inheritdoc/>
    public override string? Fault => OutOfRange("average-bits", AverageBits, 2, 8) ?? OutOfRange("latency", Latency, 0.01, 1)
        ?? (Budget is "bytes" or "bops" or Time ? null : $"budget is '{Budget}' but must be bytes, bops or latency")
        ?? (LayerSensitivity.Names.Contains(Sensitivity) ? null : $"there is no sensitivity '{Sensitivity}'; there are {string.Join(", ", LayerSensitivity.Names)}")
        ?? (Choices.Count is > 0 and <= 8 && Choices.All(IsChoice) ? null : $"choices must be some of 2 to 8 bits{(Budget == Time ? ", and 32 for float" : "")}")
        ?? General.Fault;

    private Quantize General => new() { WeightBits = 8, ActivationBits = ActivationBits, Observer = Observer, Samples = Samples };

    /// <inheritdoc/>
    public override Graph Apply(Graph graph, CompressionContext context)
    {
        var bits = Choices.Select(c => int.Parse(c, CultureInfo.InvariantCulture)).Distinct().Order().ToArray();
        var prepared = QuantizationPreparation.Of(graph, General.Settings, context);
        var damage = LayerSensitivity.Create(Sensitivity).Damage(prepared, bits, Math.Min(Samples, 128), context);
        var chosen = Budget == Time ? WithinTime(prepared, bits, damage, context) : WithinBits(prepared, bits, damage, context);
        string[] At(Func<int, bool> which, Func<int, int, string> text) => [.. chosen.Select((c, i) => (Bits: bits[c], Layer: i)).Where(c => which(c.Bits)).Select(c => text(c.Layer, c.Bits))];
        ValueArray<string> layerBits = At(b => b != Quantize.FloatBits, (l, b) => $"{prepared.Layers[l].Name}={b}"), keep = At(b => b == Quantize.FloatBits, (l, _) => prepared.Layers[l].Name);
        context.Notes.Add($"{Name}: layer-bits: [{string.Join(", ", layerBits)}]{(keep.IsEmpty ? "" : $", keep: [{string.Join(", ", keep)}]")}.");
        if (layerBits.IsEmpty) return prepared.Folded;
        var quantized = LearnRounding
            ? new AdaRound { WeightBits = 8, ActivationBits = ActivationBits, Observer = Observer, LayerBits = layerBits, Keep = keep }.Apply(graph, context)
            : (General with { LayerBits = layerBits, Keep = keep }).Apply(graph, context);
        if (Budget == Time) TellTime(prepared.Folded, quantized, context);
        return quantized;
    }

    private int[] WithinBits(QuantizationPreparation prepared, int[] bits, IReadOnlyList<double[]> damage, CompressionContext context)
    {
        var sizes = Sizes(prepared);
        var chosen = BitAllocation.Choose(damage, [.. sizes.Select(s => bits.Select(b => s * Charged(b)).ToArray())], (long)(AverageBits * sizes.Sum()));
        context.Notes.Add($"{Name}: {Mean(sizes, chosen, bits):F2} bits on average.");
        return chosen;
    }

    private int[] WithinTime(QuantizationPreparation prepared, int[] bits, IReadOnlyList<double[]> damage, CompressionContext context)
    {
        // Float is timed, too, when it is no choice: the limit is a part of it.
        int[] timed = bits.Contains(Quantize.FloatBits) ? bits : [.. bits, Quantize.FloatBits];
        var times = LayerLatency.Measure(prepared, timed, context);
        var whole = times.Sum(t => t[^1]);
        long[][] costs = [.. times.Select(t => t[..bits.Length])];
        if (costs.Sum(c => c.Min()) is var least && least > Latency * whole)
            throw new NabiException(string.Create(CultureInfo.InvariantCulture, $"the layers take at least {(double)least / whole:F2} of their time in float with {string.Join(", ", bits)} bits, which is more than the {Latency:F2} asked for"));
        var chosen = BitAllocation.Choose(damage, costs, (long)(Latency * whole));
        context.Notes.Add(string.Create(CultureInfo.InvariantCulture,
            $"{Name}: layers take {costs.Select((c, i) => c[chosen[i]]).Sum() / 1e3:F1} us of {whole / 1e3:F1} us in float, measured one by one on {context.Threads} threads."));
        return chosen;
    }

    // The sum of the layers is a prediction; this is what came of it.
    private void TellTime(Graph before, Graph after, CompressionContext context)
    {
        var times = LayerLatency.Whole([before, after], context);
        context.Notes.Add(string.Create(CultureInfo.InvariantCulture,
            $"{Name}: the whole network takes {times[1].Median.TotalMicroseconds:F1} us, {times[0].Median.TotalMicroseconds:F1} us in float ({Runtime.Latency.ProcessorName}, {context.Threads} threads)."));
    }

    // Activations have the same bits everywhere, so that they do not change the proportions of bit operations.
    private long[] Sizes(QuantizationPreparation prepared)
    {
        if (Budget == "bytes") return [.. prepared.Layers.Select(l => (long)l.Inputs[WeightAxes.Of(l)!.Value.Input]!.Shape.Count)];
        var macs = prepared.Folded.WithBatch(1).Nodes.ToDictionary(n => n.Name, n => n.Cost.Macs, StringComparer.Ordinal);
        return [.. prepared.Layers.Select(l => macs[l.Name])];
    }

    private bool IsChoice(string choice) => choice is ['2' or '3' or '4' or '5' or '6' or '7' or '8'] || (choice == "32" && Budget == Time);

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
