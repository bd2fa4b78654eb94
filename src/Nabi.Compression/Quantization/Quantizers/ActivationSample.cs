namespace Nabi.Compression.Quantization.Quantizers;

/// <summary>Numbers that an activation takes on calibration samples: evenly spread ones up to a fixed count, and the extremes of all.</summary>
internal sealed class ActivationSample
{
    private const int Most = 1 << 16;

    private readonly List<float> _values = [];
    private float _min, _max;

    /// <summary>The numbers; the smallest and the largest of all are among them.</summary>
    public float[] Values => [_min, _max, .. _values];

    /// <summary>Elements of the activation of one sample.</summary>
    public long Elements { get; private set; }

    /// <summary>Takes in a batch.</summary>
    /// <param name="batch">The activation, first dimension the batch.</param>
    /// <param name="samples">Samples of it that count.</param>
    /// <param name="batches">Batches there will be.</param>
    public void Observe(Tensor batch, int samples, int batches)
    {
        Elements = batch.Count / batch.Shape[0];
        var values = batch.Span<float>()[..(int)(Elements * samples)];
        foreach (var v in values) (_min, _max) = (MathF.Min(_min, v), MathF.Max(_max, v));
        // A stride without small factors does not always meet the same channels or columns.
        var stride = (int)Math.Max(1, (long)values.Length * batches / Most) | 1;
        for (var i = 0; i < values.Length && _values.Count < Most; i += stride) _values.Add(values[i]);
    }

    /// <summary>Runs the graph on calibration samples.</summary>
    /// <returns>A sample of each value, by name.</returns>
    public static Dictionary<string, ActivationSample> Collect(Graph graph, IReadOnlyCollection<string> names, CompressionContext context, int count)
    {
        var samples = names.ToDictionary(n => n, _ => new ActivationSample(), StringComparer.Ordinal);
        var loader = CalibrationBatches.Of(graph, context, count);
        using var observed = new ObservedGraph(graph, names, loader.Options.BatchSize, context.Threads);
        foreach (var batch in loader.Epoch(0))
        {
            context.Report("observing activations", (double)batch.Step / loader.Steps);
            foreach (var (name, tensor) in observed.Run(batch.Inputs)) samples[name].Observe(tensor, batch.Count, loader.Steps);
        }
        return samples;
    }
}
