namespace Nabi.Compression.Quantization;

/// <summary>
/// Empirical bias correction (Nagel et al. 2019, Data-Free Quantization, section 4.2, with data): layer by layer, the shift of each
/// channel's mean that rounding causes is taken off the bias.
/// </summary>
internal static class BiasCorrection
{
    /// <summary>The graph with <see cref="Ops.FakeQuantize"/> of a preparation, its biases corrected.</summary>
    /// <param name="prepared">The float graph and the one to correct.</param>
    /// <param name="context">Data.</param>
    /// <param name="samples">Samples to compare on.</param>
    public static Graph Apply(QuantizationPreparation prepared, CompressionContext context, int samples)
    {
        var (fake, layers) = (prepared.Fake, prepared.Biases.ToArray());
        var axes = layers.ToDictionary(l => l.Sum.Name, l => l.Axis, StringComparer.Ordinal);
        var loader = CalibrationBatches.Of(prepared.Folded, context, samples);
        var wanted = Means(prepared.Folded, axes, [.. axes.Keys], loader, context);
        for (var i = 0; i < layers.Length; i++)
        {
            context.Report("correcting biases", (double)i / layers.Length);
            var (output, bias) = (layers[i].Sum.Name, layers[i].Bias.Name);
            var found = Means(fake, axes, [output], loader, context)[output];
            var tensor = fake.Parameter(bias)!.Data!.Copy();
            var values = tensor.Span<float>();
            if (values.Length != found.Length) continue;
            for (var c = 0; c < values.Length; c++) values[c] += (float)(wanted[output][c] - found[c]);
            fake = fake.WithParameters(new Dictionary<string, Tensor> { [bias] = tensor });
        }
        return fake;
    }

    // The mean per channel of each value over all samples.
    private static Dictionary<string, double[]> Means(Graph graph, Dictionary<string, int> axes, IReadOnlyCollection<string> values,
        Nabi.Training.Data.BatchLoader loader, CompressionContext context)
    {
        using var observed = new ObservedGraph(graph, values, loader.Options.BatchSize, context.Threads);
        var sums = new Dictionary<string, double[]>(StringComparer.Ordinal);
        var seen = 0;
        foreach (var batch in loader.Epoch(0))
        {
            context.Cancellation.ThrowIfCancellationRequested();
            foreach (var (name, tensor) in observed.Run(batch.Inputs))
            {
                var axis = axes[name];
                if (!sums.TryGetValue(name, out var sum)) sums[name] = sum = new double[tensor.Shape[axis]];
                var inner = tensor.Shape.CountOf(axis + 1, tensor.Shape.Rank);
                var span = tensor.Span<float>()[..(tensor.Count / tensor.Shape[0] * batch.Count)];
                var scale = sum.Length / (double)(tensor.Count / tensor.Shape[0]);
                for (var i = 0; i < span.Length; i++) sum[i / inner % sum.Length] += span[i] * scale;
            }
            seen += batch.Count;
        }
        foreach (var sum in sums.Values)
            for (var c = 0; c < sum.Length; c++) sum[c] /= seen;
        return sums;
    }
}
