using Nabi.Compression.Quantization;
using Nabi.Compression.Recipes;
using Nabi.Training;
using Nabi.Training.Data;

namespace Nabi.Compression.Pruning;

/// <summary>
/// LASSO channel selection with least-squares reconstruction (He, Zhang and Sun 2017, "Channel Pruning for Accelerating Very Deep Neural Networks",
/// section 3.1): layer by layer, beta is found that minimizes |Y - sum of beta_i X_i W_i'|^2 + lambda |beta|_1 with rising lambda until few enough channels are
/// left (equations 1 and 2), then W that minimizes |Y - X W'|^2 over those (equations 3 and 4). X is what the pruned network gives the layer, Y what it
/// gave in the original one, so that errors do not add up (section 3.2). No training.
/// </summary>
/// <remarks>
/// Where several layers read the same channels, as on a residual stream, one beta is found for all of them, each layer's error measured against
/// the square of its result, and each layer is then fitted by itself; the paper samples the stream of the shortcut separately instead. Each group of channels loses
/// the same part; the paper's per-layer ratios are set by hand. Groups that convolutions in groups or operators without weights
/// read are left alone. Memory is that of the products of a layer's patch with itself, whatever the number of samples.
/// </remarks>
public sealed record LassoChannels : CompressionStep
{
    /// <summary>Part of the multiply-accumulates to keep, 0 to 1. Default 0.5.</summary>
    public double KeepMacs { get; init; } = 0.5;

    /// <summary>The largest part of one group's channels that may go, 0 to 1. Default 0.8.</summary>
    public double MaxRatio { get; init; } = 0.8;

    /// <summary>Channels left are a multiple of this where possible. Default 1.</summary>
    public int Multiple { get; init; } = 1;

    /// <summary>Calibration samples. Default 512; the paper takes 5000 images of ImageNet.</summary>
    public int Samples { get; init; } = 512;

    /// <summary>Positions drawn at random per sample and layer. Default 10, as in the paper.</summary>
    public int Positions { get; init; } = 10;

    /// <summary>Measure the statistics of batch normalizations anew on the calibration samples afterwards? Default true.</summary>
    public bool Recalibrate { get; init; } = true;

    /// <inheritdoc/>
    public override string? Fault => OutOfRange("keep-macs", KeepMacs, 0.001, 1) ?? OutOfRange("max-ratio", MaxRatio, 0, 1) ?? OutOfRange("multiple", Multiple, 1, 256)
        ?? OutOfRange("samples", Samples, 1, 1_000_000) ?? OutOfRange("positions", Positions, 1, 100_000);

    /// <inheritdoc/>
    public override Graph Apply(Graph graph, CompressionContext context)
    {
        var groups = ChannelGroups.Of(graph);
        var removed = Counts(groups);
        if (removed.Count == 0) throw new NabiException($"model '{graph.Name}' has no channels that are read by convolutions or dense layers alone, so that none can be chosen by their part in what those compute");
        var loader = CalibrationBatches.Of(graph, context, Samples);
        var pruned = graph;
        var left = Outputs(graph);
        var place = graph.Nodes.Select((n, i) => (n.Name, i)).ToDictionary(p => p.Name, p => p.i, StringComparer.Ordinal);
        var order = removed.Keys.OrderBy(name => ChannelReader.Of(groups.First(g => g.Name == name))!.Min(r => place[r.Node.Name])).ToArray();
        for (var i = 0; i < order.Length; i++)
        {
            context.Report($"choosing channels of {order[i]}", (double)i / order.Length);
            pruned = Shrink(pruned, graph, order[i], removed[order[i]], left, loader, context);
        }
        context.Notes.Add($"{Name}: {removed.Values.Sum()} of {groups.Sum(g => g.Count)} channels removed, {ChannelSelection.Macs(graph):N0} to {ChannelSelection.Macs(pruned):N0} MACs.");
        return Recalibrate ? BatchNormRecalibration.Recalibrate(pruned, context.CalibrationData, batches: 20, batchSize: context.BatchSize, seed: context.Seed) : pruned;
    }

    // How many channels go, by the group's name: the same part of every group that can be judged.
    private Dictionary<string, int> Counts(ChannelGroups groups)
    {
        var scores = groups.Select(g => Enumerable.Range(0, g.Count).Select(c => ChannelReader.Of(g) is null ? float.PositiveInfinity : c + 1f).ToArray()).ToArray();
        var selection = new ChannelSelection(groups, scores, areComparable: true, new ChannelLimits { MaxRatio = MaxRatio, Multiple = Multiple });
        return selection.ForMacs(KeepMacs, perGroup: true).ToDictionary(r => groups[r.Key].Name, r => r.Value.Count, StringComparer.Ordinal);
    }

    // For every layer's output the channels of the original that are left: all of them to begin with.
    private static Dictionary<string, List<int>> Outputs(Graph graph) => WeightAxes.Layers(graph).ToDictionary(l => l.Node.Output.Name,
        l => Enumerable.Range(0, l.Weight.Shape[l.Axes.OutputAxis]).ToList(), StringComparer.Ordinal);

    private Graph Shrink(Graph graph, Graph original, string name, int count, Dictionary<string, List<int>> left, BatchLoader loader, CompressionContext context)
    {
        var groups = ChannelGroups.Of(graph);
        var group = groups.First(g => g.Name == name);
        var measured = Measure(graph, ChannelReader.Of(group)!);
        var (quadratic, linear) = (ReaderStatistics.Rows(group.Count, group.Count), new double[group.Count]);
        foreach (var reader in measured) reader.AddParts(quadratic, linear);
        var kept = LassoPath.Choose(quadratic, linear, group.Count - count);
        var gone = Enumerable.Range(0, group.Count).Except(kept).ToArray();
        foreach (var slice in group.Activations)
        {
            if (!left.TryGetValue(slice.At.Value.Name, out var channels) || slice.At.Axis != ChannelAxis(slice.At.Value)) continue;
            foreach (var element in gone.SelectMany(c => slice.Elements[c]).OrderDescending()) channels.RemoveAt(element);
        }
        graph = groups.Prune(new Dictionary<int, IReadOnlyCollection<int>> { [group.Index] = gone });
        // Only the first reader's columns are as they were measured; those after it see what it was fitted to.
        foreach (var reader in measured.Select(m => m.Reader.Weight.Name))
        {
            var narrow = ChannelReader.Of(ChannelGroups.Of(graph).First(g => g.Name == name))!.First(r => r.Weight.Name == reader);
            var fitted = Measure(graph, [narrow])[0];
            graph = graph.WithParameters(new Dictionary<string, Tensor> { [reader] = narrow.Tensor(LeastSquares.Solve(fitted.Gram, fitted.Cross, narrow.Matrix())) });
        }
        return graph;

        IReadOnlyList<ReaderStatistics> Measure(Graph g, IReadOnlyList<ChannelReader> readers) =>
            ReaderStatistics.Measure(g, original, readers, r => left[r.Node.Output.Name], loader, Positions, context);
    }

    private static int ChannelAxis(Value value) => value.Shape.Rank == 4 ? 1 : value.Shape.Rank - 1;
}

/// <summary>Writes <see cref="Pruning.LassoChannels"/> in recipes.</summary>
public static class LassoChannelsRecipe
{
    /// <summary>Adds the choice of channels by LASSO, with reconstruction by least squares.</summary>
    public static Recipe LassoChannels(this Recipe recipe, Func<LassoChannels, LassoChannels>? settings = null) =>
        recipe.Then(settings?.Invoke(new LassoChannels()) ?? new LassoChannels());
}
