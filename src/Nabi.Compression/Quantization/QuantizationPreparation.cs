using Nabi.Passes;

namespace Nabi.Compression.Quantization;

/// <summary>
/// What every way to integers begins with: batch normalization folded, activations observed, <see cref="Ops.FakeQuantize"/> inserted.
/// </summary>
internal sealed class QuantizationPreparation
{
    private readonly Dictionary<Value, QuantizationRange> _ranges;
    private readonly QuantizationSites _sites;

    private QuantizationPreparation(Graph folded, QuantizationSites sites, QuantizationSettings settings, Dictionary<Value, QuantizationRange> ranges, Graph? fake = null) =>
        (Folded, _sites, Settings, _ranges, Fake) = (folded, sites, settings, ranges, fake ?? FakeQuantization.Insert(folded, sites, ranges, settings));

    /// <summary>To which integers.</summary>
    public QuantizationSettings Settings { get; }

    /// <summary>The float graph with batch normalization folded.</summary>
    public Graph Folded { get; }

    /// <summary>The graph that computes in float what the integer graph will.</summary>
    public Graph Fake { get; }

    /// <summary>Prepares a float graph.</summary>
    /// <exception cref="NabiException">There is nothing to quantize, or an activation is not finite.</exception>
    public static QuantizationPreparation Of(Graph graph, QuantizationSettings settings, CompressionContext context)
    {
        var folded = FoldBatchNormalization.Pass.Apply(graph);
        var sites = QuantizationSites.Of(folded, settings.Kept, settings.Activations is null);
        foreach (var name in settings.LayerBits.Keys)
            if (sites.Layers.All(l => l.Name != name)) throw new NabiException($"bits are given for '{name}', which is no quantized layer; those are {string.Join(", ", sites.Layers.Select(l => l.Name))}");
        if (sites.Layers.Count == 0) throw new NabiException($"model '{graph.Name}' has no layer whose weights can be stored in {settings.Weights.Bits} bits{(sites.Kept.Count == 0 ? "" : $"; {string.Join("; ", sites.Kept.Select(k => $"{k.Key.Name}: {k.Value}"))}")}");
        return new QuantizationPreparation(folded, sites, settings, settings.Activations is { } format ? Observe(folded, sites, settings, format, context) : []);
    }

    /// <summary>The same ranges with other weights: other bits for some layers, or other parameters in the folded graph.</summary>
    /// <param name="settings">The settings, with the same activations and kept layers.</param>
    public QuantizationPreparation With(QuantizationSettings settings) => new(Folded, _sites, settings, _ranges);

    /// <summary>The same with one more layer in float, its neighbours' ranges observed again.</summary>
    public QuantizationPreparation InFloat(Node layer, CompressionContext context) =>
        Of(Folded, Settings with { Kept = Settings.Kept with { Names = [.. Settings.Kept.Names, layer.Name] } }, context);

    /// <summary>The same grids with other weights on them, by name; <see cref="Folded"/> stays.</summary>
    public QuantizationPreparation Rounded(IReadOnlyDictionary<string, Tensor> weights) => new(Folded, _sites, Settings, _ranges, Fake.WithParameters(weights));

    /// <summary>The quantized layers, in graph order.</summary>
    public IReadOnlyList<Node> Layers => _sites.Layers;

    /// <summary>The biases of quantized layers, in graph order: the parameter, the value it is added in, and that value's axis of outputs.</summary>
    public IEnumerable<(Node Layer, Value Bias, Value Sum, int Axis)> Biases => _sites.Layers.Select(l => (Layer: l, Bias: _sites.BiasOf(l)))
        .Where(l => l.Bias is not null).Select(l => (l.Layer, l.Bias!.Value.Bias, l.Bias.Value.Sum, l.Bias.Value.Axis));

    /// <summary>The weight of a quantized layer as the integers give it back.</summary>
    public Tensor RoundedWeight(Node layer)
    {
        var made = Fake.Nodes.First(n => n.Name == layer.Name && n.Op == layer.Op).Inputs[WeightAxes.Of(layer)!.Value.Input]!.Producer!;
        return ReferenceEvaluator.Evaluate(made, [.. made.Inputs.Select(v => v?.Data)], new Rng(0))[0];
    }

    /// <summary>How every layer came through: outputs of the float graph against those of a graph with rounded values.</summary>
    public IReadOnlyList<QuantizedLayer> Compare(Graph fake, CompressionContext context, int samples)
    {
        var layers = _sites.Reported;
        string InFake(Value v) => Settings.Activations is not null && _sites.Sources.ContainsKey(v) ? v.Name + FakeQuantization.Suffix : v.Name;
        var noise = layers.Select(_ => new Sqnr()).ToArray();
        var loader = CalibrationBatches.Of(Folded, context, samples);
        using var exact = new ObservedGraph(Folded, [.. layers.Select(l => l.Tail.Name).Distinct()], loader.Options.BatchSize, context.Threads);
        using var quantized = new ObservedGraph(fake, [.. layers.Select(l => InFake(l.Tail)).Distinct()], loader.Options.BatchSize,
            context.Threads);
        foreach (var batch in loader.Epoch(0))
        {
            context.Cancellation.ThrowIfCancellationRequested();
            var (left, right) = (exact.Run(batch.Inputs), quantized.Run(batch.Inputs));
            for (var i = 0; i < layers.Count; i++)
                noise[i].Add(left[layers[i].Tail.Name].Span<float>(), right[InFake(layers[i].Tail)].Span<float>());
        }
        return [.. layers.Select((l, i) => new QuantizedLayer(l.Node.Name, l.Node.Op.Name, l.Tail.Name,
            RangeOf(l.Tail).Min, RangeOf(l.Tail).Max, noise[i].Decibels, _sites.Kept.GetValueOrDefault(l.Node)))];
    }

    private QuantizationRange RangeOf(Value value) => _sites.Sources.TryGetValue(value, out var source) ? _ranges.GetValueOrDefault(source) : default;

    private static Dictionary<Value, QuantizationRange> Observe(Graph graph, QuantizationSites sites, QuantizationSettings settings,
        IntegerFormat format, CompressionContext context)
    {
        var observers = sites.Observed.ToDictionary(v => v.Name, _ => Observer.Create(settings.Observer, format), StringComparer.Ordinal);
        var loader = CalibrationBatches.Of(graph, context, settings.Samples);
        using var observed = new ObservedGraph(graph, observers.Keys, loader.Options.BatchSize, context.Threads);
        foreach (var batch in loader.Epoch(0))
        {
            context.Report("observing activations", (double)batch.Step / loader.Steps);
            foreach (var (name, tensor) in observed.Run(batch.Inputs))
            {
                var perSample = tensor.Count / tensor.Shape[0];
                try
                {
                    observers[name].Observe(tensor.Span<float>()[..(perSample * batch.Count)]);
                }
                catch (NabiException e)
                {
                    throw new NabiException($"activation '{name}' cannot be quantized: {e.Message}", e);
                }
            }
        }
        var ranges = new Dictionary<Value, QuantizationRange>();
        foreach (var value in sites.Observed)
        {
            var (source, range) = (sites.Sources[value], observers[value.Name].Range);
            ranges[source] = ranges.TryGetValue(source, out var known)
                ? new QuantizationRange(Math.Min(known.Min, range.Min), Math.Max(known.Max, range.Max)) : range;
        }
        return ranges;
    }
}
