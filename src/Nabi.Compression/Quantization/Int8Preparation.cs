using Nabi.Passes;

namespace Nabi.Compression.Quantization;

/// <summary>
/// What both ways to int8 begin with: batch normalization folded, activations observed, <see cref="Ops.FakeQuantize"/> inserted.
/// </summary>
internal sealed class Int8Preparation
{
    private readonly Dictionary<Value, QuantizationRange> _ranges;
    private readonly QuantizationSites _sites;

    private Int8Preparation(Graph folded, QuantizationSites sites, Dictionary<Value, QuantizationRange> ranges, Graph fake) =>
        (Folded, _sites, _ranges, Fake) = (folded, sites, ranges, fake);

    /// <summary>The float graph with batch normalization folded.</summary>
    public Graph Folded { get; }

    /// <summary>The graph that computes in float what the integer graph will.</summary>
    public Graph Fake { get; }

    /// <summary>Settings shared by both ways.</summary>
    public sealed record Settings(string Observer, int Samples, bool PerChannel, bool KeepFirst, bool KeepLast, ValueArray<string> Keep,
        bool LearnsRanges = false);

    /// <summary>Prepares a float graph.</summary>
    /// <exception cref="NabiException">There is nothing to quantize, or an activation is not finite.</exception>
    public static Int8Preparation Of(Graph graph, Settings settings, CompressionContext context)
    {
        var folded = FoldBatchNormalization.Pass.Apply(graph);
        var sites = QuantizationSites.Of(folded, settings.KeepFirst, settings.KeepLast, settings.Keep);
        if (sites.Layers.Count == 0) throw new NabiException($"model '{graph.Name}' has no layer that can be quantized{(sites.Kept.Count == 0 ? "" : $"; {string.Join("; ", sites.Kept.Select(k => $"{k.Key.Name}: {k.Value}"))}")}");
        var ranges = Observe(folded, sites, settings, context);
        return new Int8Preparation(folded, sites, ranges,
            FakeQuantization.Insert(folded, sites, ranges, settings.PerChannel, settings.LearnsRanges));
    }

    /// <summary>How every layer came through: outputs of the float graph against those of a graph with rounded values.</summary>
    public IReadOnlyList<QuantizedLayer> Compare(Graph fake, CompressionContext context, int samples)
    {
        var layers = _sites.Reported;
        string InFake(Value v) => _sites.Sources.ContainsKey(v) ? v.Name + FakeQuantization.Suffix : v.Name;
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

    private QuantizationRange RangeOf(Value value) => _sites.Sources.TryGetValue(value, out var source) ? _ranges[source] : default;

    private static Dictionary<Value, QuantizationRange> Observe(Graph graph, QuantizationSites sites, Settings settings,
        CompressionContext context)
    {
        var observers = sites.Observed.ToDictionary(v => v.Name, _ => Observer.Create(settings.Observer), StringComparer.Ordinal);
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
