namespace Nabi.Compression.Quantization.Sensitivities;

/// <summary>
/// The noise at the network's output, as a share of the signal's power, when one layer alone has fewer bits (Pandey et al. 2023, A Practical Mixed
/// Precision Algorithm for Post-Training Quantization, section 3.2): no labels are needed, and noises of layers about add up.
/// </summary>
internal sealed class SqnrSensitivity : LayerSensitivity
{
    /// <inheritdoc/>
    public override IReadOnlyList<double[]> Damage(QuantizationPreparation prepared, IReadOnlyList<int> bits, int samples, CompressionContext context)
    {
        var loader = CalibrationBatches.Of(prepared.Folded, context, samples);
        var exact = Outputs(prepared.Folded);
        var damage = new List<double[]>();
        foreach (var layer in prepared.Layers)
        {
            context.Report($"measuring {layer.Name}", (double)damage.Count / prepared.Layers.Count);
            damage.Add([.. bits.Select(b => Noise(Outputs(With(prepared, layer, b, context))))]);
        }
        return damage;

        List<float[]> Outputs(Graph graph)
        {
            using var observed = new ObservedGraph(graph, [graph.Outputs[0].Value.Name], loader.Options.BatchSize, context.Threads);
            return [.. loader.Epoch(0).Select(batch =>
            {
                var output = observed.Run(batch.Inputs).Values.First();
                return output.Span<float>()[..(output.Count / output.Shape[0] * batch.Count)].ToArray();
            })];
        }

        double Noise(List<float[]> outputs)
        {
            var sqnr = new Sqnr();
            for (var i = 0; i < exact.Count; i++) sqnr.Add(exact[i], outputs[i]);
            return Math.Pow(10, -sqnr.Decibels / 10);
        }
    }
}
