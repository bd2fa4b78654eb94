using Nabi.Compression.Quantization;
using Nabi.Compression.Recipes;
using Nabi.Training;

namespace Nabi.Compression.Pruning;

/// <summary>
/// Removes whole residual blocks and layers, those first that cost least: a network of residual blocks behaves like an ensemble of shallower
/// ones, so that single blocks can go without training (Veit, Wilber and Belongie 2016, "Residual Networks Behave Like Ensembles of Relatively Shallow
/// Networks", section 4.1). After each removal the rest is judged anew.
/// </summary>
/// <remarks>
/// A block can go where its result has the shape of its input: the branch of a residual addition, or a layer with its normalization and
/// activation. <c>loss</c> removes what raises the loss on the calibration samples least when it is left out (Kim et al. 2024, "Shortened LLaMA",
/// section 3.1, who measure perplexity); <c>similarity</c> what turns its input least, by 1 - the mean cosine between a position's input and output
/// (Men et al. 2024, "ShortGPT", equation 1, block influence), which needs one pass for all blocks.
/// </remarks>
public sealed record RemoveLayers : CompressionStep
{
    /// <summary>How many are removed. Default 1. Range 1 to 1000; fewer go where fewer can, or where <see cref="MaxRise"/> is passed.</summary>
    public int Count { get; init; } = 1;

    /// <summary><c>loss</c> measures the loss without each, <c>similarity</c> compares its input and output. Default loss.</summary>
    public string By { get; init; } = "loss";

    /// <summary>Ends before a removal that raises the loss on the calibration samples by more than this. Default none; only with <c>loss</c>.</summary>
    public double? MaxRise { get; init; }

    /// <summary>Samples of the calibration data to judge on. Default 512.</summary>
    public int Samples { get; init; } = 512;

    /// <summary>Measure the statistics of batch normalizations anew on the calibration samples in the end? Default true.</summary>
    public bool Recalibrate { get; init; } = true;

    /// <inheritdoc/>
    public override string? Fault => OutOfRange("count", Count, 1, 1000) ?? OutOfRange("samples", Samples, 1, 1_000_000) ?? OutOfRange("max-rise", MaxRise ?? 0, 0, 1e6)
        ?? (By is "loss" or "similarity" ? null : $"by is '{By}' but must be loss or similarity")
        ?? (MaxRise is not null && By == "similarity" ? "max-rise needs by: loss" : null);

    /// <inheritdoc/>
    public override Graph Apply(Graph graph, CompressionContext context)
    {
        if (RemovableLayer.Of(graph).Count == 0)
            throw new NabiException($"model '{graph.Name}' has no block or layer whose result has the shape of its input, so that none can be left out");
        var (original, removed) = (graph, new List<string>());
        while (removed.Count < Count && RemovableLayer.Of(graph) is { Count: > 0 } layers)
        {
            context.Report($"judging {layers.Count} layers", (double)removed.Count / Count);
            var (best, rise) = By == "loss" ? Cheapest(graph, layers, context) : (MostAlike(graph, layers, context), 0);
            if (rise > MaxRise) break;
            graph = best.RemoveFrom(graph);
            removed.Add(best.Name);
        }
        context.Notes.Add($"{Name}: {removed.Count} layers removed ({string.Join(", ", removed)}), {ChannelSelection.Macs(original):N0} to {ChannelSelection.Macs(graph):N0} MACs.");
        return Recalibrate && removed.Count > 0
            ? BatchNormRecalibration.Recalibrate(graph, context.CalibrationData, batches: 20, batchSize: context.BatchSize, seed: context.Seed) : graph;
    }

    // The layer without which the loss is lowest, and by how much it rises.
    private (RemovableLayer Layer, double Rise) Cheapest(Graph graph, IReadOnlyList<RemovableLayer> layers, CompressionContext context)
    {
        var data = CalibrationBatches.Of(graph, context, Samples).Data;
        var (best, least) = (layers[0], double.PositiveInfinity);
        foreach (var layer in layers)
        {
            context.Report($"the loss without {layer.Name}");
            if (Loss(layer.RemoveFrom(graph)) is var loss && loss < least) (best, least) = (layer, loss);
        }
        return (best, least - Loss(graph));

        double Loss(Graph g) => Evaluator.Evaluate(g, data, new EvaluationOptions { Session = new() { Threads = context.Threads } }, cancellation: context.Cancellation).Loss;
    }

    private RemovableLayer MostAlike(Graph graph, IReadOnlyList<RemovableLayer> layers, CompressionContext context)
    {
        var loader = CalibrationBatches.Of(graph, context, Samples);
        var names = layers.SelectMany(l => new[] { l.Input.Name, l.Output.Name }).ToHashSet(StringComparer.Ordinal);
        using var observed = new ObservedGraph(graph, names, loader.Options.BatchSize, context.Threads);
        var sums = new double[layers.Count];
        foreach (var batch in loader.Epoch(0))
        {
            var values = observed.Run(batch.Inputs);
            for (var i = 0; i < sums.Length; i++) sums[i] += Cosine(values[layers[i].Input.Name], values[layers[i].Output.Name]);
        }
        return layers[Array.IndexOf(sums, sums.Max())];
    }

    /// <summary>
    /// The mean over positions of the cosine between the channels of two tensors: axis 1 of feature maps [N, C, ...], the last axis of tokens [N, T, C] and
    /// of vectors.
    /// </summary>
    internal static double Cosine(Tensor a, Tensor b)
    {
        var axis = a.Shape.Rank >= 4 ? 1 : a.Shape.Rank - 1;
        var (channels, stride) = (a.Shape[axis], a.Shape.Strides()[axis]);
        ReadOnlySpan<float> x = a.Span<float>(), y = b.Span<float>();
        var (sum, positions) = (0.0, 0);
        for (var start = 0; start < x.Length; start++)
        {
            if (start / stride % channels != 0) continue;
            double dot = 0, xx = 0, yy = 0;
            for (var c = 0; c < channels; c++)
            {
                var (u, v) = ((double)x[start + c * stride], (double)y[start + c * stride]);
                dot += u * v;
                xx += u * u;
                yy += v * v;
            }
            // Where both are zero nothing is turned.
            sum += xx + yy == 0 ? 1 : dot / Math.Max(1e-12, Math.Sqrt(xx * yy));
            positions++;
        }
        return sum / positions;
    }
}

/// <summary>Writes <see cref="Pruning.RemoveLayers"/> in recipes.</summary>
public static class RemoveLayersRecipe
{
    /// <summary>Adds the removal of whole blocks and layers.</summary>
    public static Recipe RemoveLayers(this Recipe recipe, Func<RemoveLayers, RemoveLayers>? settings = null) =>
        recipe.Then(settings?.Invoke(new RemoveLayers()) ?? new RemoveLayers());
}
