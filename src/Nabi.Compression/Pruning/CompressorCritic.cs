using Nabi.Compression.Recipes;
using Nabi.Training;
using Nabi.Training.Data;

namespace Nabi.Compression.Pruning;

/// <summary>
/// DeepIoT (Yao et al. 2017, "DeepIoT: Compressing Deep Neural Network Structures for Sensing Systems with a Compressor-Critic Framework", sections 4.1 to 4.4):
/// a recurrent compressor looks at the weights of all layers and says with which probability each hidden element is kept; the critic, the network itself, is
/// trained while elements are dropped by these probabilities, another draw for every sample; its losses train the compressor by policy gradient. A threshold on the
/// probabilities rises, elements below it are kept half as often, and in the end they are removed.
/// </summary>
/// <remarks>
/// Numbers that the paper leaves open are those of the authors' code: an LSTM of 64, RMSProp at 0.001 for the compressor, Adam with moments 0.5 and 0.9 for the
/// critic, a moving average of 0.9 as baseline, the threshold from 0 to 0.825 in 33 steps, one half for what lies below it. It stops as soon as what is above the
/// threshold fits the target; the threshold is then the one that meets it. Weights that read an element are multiplied by its
/// probability, as dropout is undone (there, too). Elements are the channels of dependency groups that convolutions without groups and dense layers
/// read; others are left alone. Fine-tune afterwards with a step of its own.
/// </remarks>
public sealed record CompressorCritic : CompressionStep
{
    private const double AverageDecay = 0.9;
    private const float Below = 0.5f;

    /// <summary>Part of the multiply-accumulates to keep, 0 to 1. Default 0.5.</summary>
    public double KeepMacs { get; init; } = 0.5;

    /// <summary>Epochs over which the threshold rises. Default 20.</summary>
    public int Epochs { get; init; } = 20;

    /// <summary>The critic's learning rate. Default 0.0001.</summary>
    public double Rate { get; init; } = 1e-4;

    /// <summary>The compressor's learning rate. Default 0.001.</summary>
    public double CompressorRate { get; init; } = 1e-3;

    /// <summary>Size of the LSTM. Default 64.</summary>
    public int Hidden { get; init; } = 64;

    /// <summary>The threshold in the end. Default 0.825.</summary>
    public double Threshold { get; init; } = 0.825;

    /// <summary>Steps in which the threshold rises. Default 33.</summary>
    public int Rises { get; init; } = 33;

    /// <summary>The largest part of one group's channels that may go, 0 to 1. Default 0.9.</summary>
    public double MaxRatio { get; init; } = 0.9;

    /// <inheritdoc/>
    public override bool Trains => true;

    /// <inheritdoc/>
    public override string? Fault => OutOfRange("keep-macs", KeepMacs, 0.001, 1) ?? OutOfRange("epochs", Epochs, 1, 10_000) ?? OutOfRange("rate", Rate, 0, 1)
        ?? OutOfRange("compressor-rate", CompressorRate, 1e-9, 1) ?? OutOfRange("hidden", Hidden, 1, 4096) ?? OutOfRange("threshold", Threshold, 0, 1)
        ?? OutOfRange("rises", Rises, 1, 10_000) ?? OutOfRange("max-ratio", MaxRatio, 0, 1);

    /// <inheritdoc/>
    public override Graph Apply(Graph graph, CompressionContext context)
    {
        var (keep, trained) = Learn(graph, context);
        var groups = ChannelGroups.Of(trained);
        var scores = groups.Select((g, i) => keep.GetValueOrDefault(i) ?? [.. Enumerable.Repeat(float.PositiveInfinity, g.Count)]).ToArray();
        var selection = new ChannelSelection(groups, scores, areComparable: true, new ChannelLimits { MaxRatio = MaxRatio, MinChannels = 1 });
        var removed = selection.ForMacs(KeepMacs, perGroup: false);
        var scaled = ChannelGroups.Of(Scaled(trained, groups, keep));
        var pruned = scaled.Prune(removed);
        context.Notes.Add($"{Name}: {removed.Values.Sum(r => r.Count)} of {groups.Sum(g => g.Count)} elements removed, {ChannelSelection.Macs(graph):N0} to {ChannelSelection.Macs(pruned):N0} MACs.");
        return BatchNormRecalibration.Recalibrate(pruned, context.CalibrationData, batches: 20, batchSize: context.BatchSize, seed: context.Seed);
    }

    /// <summary>The probability of every channel by the index of its group, and the network as the critic left it.</summary>
    internal (IReadOnlyDictionary<int, float[]> Keep, Graph Critic) Learn(Graph graph, CompressionContext context)
    {
        var layers = ElementsOf(graph);
        var data = context.TrainingData;
        var loader = new BatchLoader(data, ModelBatches.Options(graph, data, Math.Min(context.BatchSize, data.Count)) with { Shuffle = true, DropLast = true, Seed = context.Seed });
        var (batch, rng) = (loader.Options.BatchSize, context.RngFor(0xDEE9));
        using var critic = new MaskedCritic(graph, [.. layers.Select(l => l.Readers)], batch, new Adam { Beta1 = 0.5, Beta2 = 0.9, WeightDecay = 5e-4 }, Rate, context.Threads);
        using var compressor = new RecurrentCompressor([.. layers.Select(l => (l.Rows, l.Group.Count))], Hidden, batch, CompressorRate, rng);
        var draw = new Draw(layers, batch, rng);
        var baseline = default(Baseline);
        var (total, step) = (Epochs * loader.Steps, 0);
        for (var epoch = 0; epoch < Epochs; epoch++)
        {
            foreach (var samples in loader.Epoch(epoch))
            {
                if (step % 20 == 0) context.Report($"epoch {epoch + 1}/{Epochs}, threshold {draw.Threshold:F2}, loss {baseline.Mean:F3}", (double)step / total);
                draw.Next();
                var losses = critic.Step(samples, draw.Masks);
                baseline = baseline.With(losses);
                draw.Keep = compressor.Step([.. layers.Select(l => l.Matrix(critic))], draw.Masks, draw.Scales, baseline.Advantage(losses));
                draw.Threshold = Threshold * (step++ * Rises / total) / Rises;
            }
            if (Fits(graph, layers, draw)) break;
        }
        return (layers.Select((l, i) => (l.Group.Index, draw.Keep[i])).ToDictionary(k => k.Index, k => k.Item2), critic.Model());
    }

    private bool Fits(Graph graph, IReadOnlyList<Elements> layers, Draw draw)
    {
        var removed = new Dictionary<int, IReadOnlyCollection<int>>();
        for (var l = 0; l < layers.Count; l++)
        {
            var low = Enumerable.Range(0, draw.Keep[l].Length).Where(c => draw.Keep[l][c] < draw.Threshold).OrderBy(c => draw.Keep[l][c]);
            removed[layers[l].Group.Index] = [.. low.Take((int)(MaxRatio * draw.Keep[l].Length)).Take(draw.Keep[l].Length - 1)];
        }
        return ChannelSelection.Macs(ChannelGroups.Of(graph).Prune(removed)) <= KeepMacs * ChannelSelection.Macs(graph);
    }

    private static Elements[] ElementsOf(Graph graph)
    {
        var place = graph.Nodes.Select((n, i) => (n, i)).ToDictionary(p => p.n, p => p.i);
        var layers = new List<Elements>();
        foreach (var group in ChannelGroups.Of(graph))
        {
            var makers = new ChannelGroupView(group, null, new Rng(0)).Trainable.Where(p => p.Role == SliceRole.Output && p.At.Value.DType == DType.Float32).ToArray();
            if (ChannelReader.Of(group) is { } readers && makers.Length > 0) layers.Add(new Elements(group, readers, makers));
        }
        if (layers.Count == 0) throw new NabiException($"model '{graph.Name}' has no hidden elements that convolutions or dense layers alone read, so that none can be dropped");
        return [.. layers.OrderBy(l => l.Readers.Min(r => place[r.Node]))];
    }

    private static Graph Scaled(Graph graph, ChannelGroups groups, IReadOnlyDictionary<int, float[]> keep)
    {
        var tensors = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        foreach (var (index, chances) in keep)
        {
            foreach (var reader in ChannelReader.Of(groups[index])!)
            {
                // A layer may read several groups.
                var current = tensors.TryGetValue(reader.Weight.Name, out var scaled) ? reader.Matrix(scaled) : reader.Matrix();
                for (var c = 0; c < chances.Length; c++)
                    foreach (var row in current)
                        foreach (var k in reader.Columns[c]) row[k] *= chances[c];
                tensors[reader.Weight.Name] = reader.Tensor(current);
            }
        }
        return graph.WithParameters(tensors);
    }

    /// <summary>The elements of one layer: a group's channels.</summary>
    private sealed class Elements(ChannelGroup group, IReadOnlyList<ChannelReader> readers, IReadOnlyList<ChannelSlice> makers)
    {
        private readonly Tensor _matrix = Tensor.Empty(DType.Float32, [makers.Sum(m => m.At.Value.Shape.Count / m.At.Size * m.Block), group.Count]);

        public ChannelGroup Group => group;

        public IReadOnlyList<ChannelReader> Readers => readers;

        public int Rows => _matrix.Shape[0];

        /// <summary>The weights and biases that make each element, one column each.</summary>
        public Tensor Matrix(MaskedCritic critic)
        {
            var (row, columns) = (0, group.Count);
            var matrix = _matrix.Span<float>();
            foreach (var maker in makers)
            {
                var length = 0;
                for (var c = 0; c < columns; c++)
                {
                    var values = critic[maker.At.Value.Name].Take(maker.At.Axis, maker.Elements[c]).Span<float>();
                    for (var k = 0; k < values.Length; k++) matrix[(row + k) * columns + c] = values[k];
                    length = values.Length;
                }
                row += length;
            }
            return _matrix;
        }
    }

    /// <summary>The masks of one step, drawn by the probabilities, halved below the threshold.</summary>
    private sealed class Draw
    {
        private readonly Rng _rng;

        public Draw(IReadOnlyList<Elements> layers, int batch, Rng rng)
        {
            _rng = rng;
            Keep = [.. layers.Select(l => Enumerable.Repeat(0.5f, l.Group.Count).ToArray())];
            Masks = [.. layers.Select(l => Tensor.Full<float>([batch, l.Group.Count + 1], 1))];
            Scales = [.. layers.Select(l => Tensor.Full<float>([1, l.Group.Count], 1))];
        }

        public float[][] Keep { get; set; }

        public double Threshold { get; set; }

        public IReadOnlyList<Tensor> Masks { get; }

        public IReadOnlyList<Tensor> Scales { get; }

        public void Next()
        {
            for (var l = 0; l < Keep.Length; l++)
            {
                var n = Keep[l].Length;
                Span<float> scale = Scales[l].Span<float>(), mask = Masks[l].Span<float>();
                for (var c = 0; c < n; c++) scale[c] = Keep[l][c] < Threshold ? Below : 1;
                for (var i = 0; i < mask.Length; i++)
                    if (i % (n + 1) is var c && c < n) mask[i] = _rng.NextSingle() < Keep[l][c] * scale[c] ? 1 : 0;
            }
        }
    }

    /// <summary>What is usual: moving averages of the losses' mean and deviation.</summary>
    private readonly record struct Baseline(double Mean, double Deviation, bool HasBegun)
    {
        public Baseline With(float[] losses)
        {
            var mean = losses.Average();
            var deviation = Math.Sqrt(losses.Sum(l => (l - mean) * (l - mean)) / losses.Length);
            return HasBegun
                ? new Baseline(double.Lerp(mean, Mean, AverageDecay), double.Lerp(deviation, Deviation, AverageDecay), true)
                : new Baseline(mean, deviation, true);
        }

        public Tensor Advantage(float[] losses)
        {
            var (mean, deviation) = (Mean, Math.Max(1, Deviation));
            return Tensor.Of<float>([losses.Length], Array.ConvertAll(losses, l => (float)((l - mean) / deviation)));
        }
    }
}

/// <summary>Writes <see cref="Pruning.CompressorCritic"/> in recipes.</summary>
public static class CompressorCriticRecipe
{
    /// <summary>Adds the choice of elements by a recurrent compressor that learns from the network's losses.</summary>
    public static Recipe CompressorCritic(this Recipe recipe, Func<CompressorCritic, CompressorCritic>? settings = null) =>
        recipe.Then(settings?.Invoke(new CompressorCritic()) ?? new CompressorCritic());
}
