using Nabi.Training.Data;

namespace Nabi.Compression.Quantization;

/// <summary>A random part of the calibration samples in batches, prepared as the model wants them.</summary>
internal static class CalibrationBatches
{
    /// <summary>The batches.</summary>
    /// <param name="graph">The model; its metadata say how inputs are normalized.</param>
    /// <param name="context">Data and seed.</param>
    /// <param name="samples">At most this many samples.</param>
    public static BatchLoader Of(Graph graph, CompressionContext context, int samples)
    {
        var data = context.CalibrationData;
        if (samples < data.Count)
        {
            var order = Enumerable.Range(0, data.Count).ToArray();
            context.RngFor(0xCA1B).Shuffle(order.AsSpan());
            Array.Sort(order, 0, samples);
            data = data.Subset(order.AsSpan(0, samples));
        }
        var input = graph.Inputs[0];
        return new BatchLoader(data, ModelBatches.Options(graph, data, Math.Min(context.BatchSize, data.Count)));
    }
}
