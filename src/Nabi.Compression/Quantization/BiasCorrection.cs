using Nabi.Ops;

namespace Nabi.Compression.Quantization;

/// <summary>
/// Empirical bias correction (Nagel et al. 2019, Data-Free Quantization, section 4.2, with data): layer by layer, the shift of each
/// channel's mean that rounding causes is taken off the bias.
/// </summary>
internal static class BiasCorrection
{
    /// <summary>Corrects the biases of a graph with <see cref="FakeQuantize"/>.</summary>
    /// <param name="exact">The float graph.</param>
    /// <param name="fake">The graph to correct.</param>
    /// <param name="context">Data.</param>
    /// <param name="samples">Samples to compare on.</param>
    public static Graph Apply(Graph exact, Graph fake, CompressionContext context, int samples)
    {
        var layers = fake.Nodes.Where(n => n is { Op: Conv or Gemm, Inputs: [_, _, { Producer: { Op: FakeQuantize } }] }
            && n.Inputs[2]!.Producer!.Inputs[0]!.Data is not null)
            .Select(n => (n.Output.Name, Bias: n.Inputs[2]!.Producer!.Inputs[0]!.Name)).ToArray();
        var loader = CalibrationBatches.Of(exact, context, samples);
        var wanted = Means(exact, [.. layers.Select(l => l.Name)], loader, context);
        for (var i = 0; i < layers.Length; i++)
        {
            context.Report("correcting biases", (double)i / layers.Length);
            var (output, bias) = layers[i];
            var found = Means(fake, [output], loader, context)[output];
            var tensor = fake.Parameter(bias)!.Data!.Copy();
            var values = tensor.Span<float>();
            if (values.Length != found.Length) continue;
            for (var c = 0; c < values.Length; c++) values[c] += (float)(wanted[output][c] - found[c]);
            fake = fake.WithParameters(new Dictionary<string, Tensor> { [bias] = tensor });
        }
        return fake;
    }

    // The mean per channel (axis 1) of each value over all samples.
    private static Dictionary<string, double[]> Means(Graph graph, IReadOnlyCollection<string> values, Nabi.Training.Data.BatchLoader loader,
        CompressionContext context)
    {
        using var observed = new ObservedGraph(graph, values, loader.Options.BatchSize, context.Threads);
        var sums = new Dictionary<string, double[]>(StringComparer.Ordinal);
        foreach (var batch in loader.Epoch(0))
        {
            foreach (var (name, tensor) in observed.Run(batch.Inputs))
            {
                if (!sums.TryGetValue(name, out var sum)) sums[name] = sum = new double[tensor.Shape[1]];
                var inner = tensor.Shape.CountOf(2, tensor.Shape.Rank);
                var span = tensor.Span<float>();
                var scale = 1.0 / (inner * tensor.Shape[0] * (double)loader.Steps);
                for (var i = 0; i < span.Length; i++) sum[i / inner % sum.Length] += span[i] * scale;
            }
        }
        return sums;
    }
}
