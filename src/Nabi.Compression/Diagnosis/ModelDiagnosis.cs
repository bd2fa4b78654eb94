using Nabi.Training.Data;

namespace Nabi.Compression.Diagnosis;

/// <summary>Which layers of a compressed network lose accuracy, why, and what to do about it.</summary>
/// <param name="OriginalAccuracy">Share of the samples that the original gets right, 0 to 1.</param>
/// <param name="CompressedAccuracy">The compressed network's.</param>
/// <param name="Divergence">Mean Kullback-Leibler divergence of the compressed network's probabilities from the original's, in nats.</param>
/// <param name="Samples">Samples it was measured on.</param>
/// <param name="Layers">The layers, those that cost most first.</param>
public sealed record ModelDiagnosis(double OriginalAccuracy, double CompressedAccuracy, double Divergence, int Samples, IReadOnlyList<LayerDiagnosis> Layers)
{
    private const ulong SampleChance = 0xD1A6;

    /// <summary>
    /// Compares a compressed network with its original: outputs layer by layer, ranges, and two experiments for each layer: it alone is put
    /// back to the original, and it alone is changed in the original. Layers are matched by their node's name.
    /// </summary>
    /// <param name="original">The float network.</param>
    /// <param name="compressed">What a recipe made of it.</param>
    /// <param name="context">Samples (<see cref="CompressionContext.Validation"/>), seed, threads, progress and cancellation.</param>
    /// <param name="options">How closely to look.</param>
    /// <exception cref="NabiException">The networks have no layer in common, or do not tell the same classes apart.</exception>
    /// <exception cref="OperationCanceledException">The context was cancelled.</exception>
    public static ModelDiagnosis Of(Graph original, Graph compressed, CompressionContext context, DiagnosisOptions? options = null)
    {
        options ??= new DiagnosisOptions();
        if (options.Fault is { } fault) throw new NabiException(fault);
        var pairs = LayerPairs.Of(original, compressed);
        var data = Sample(context, options.Samples);
        var experiments = new LayerExperiments(pairs, data, context);
        var layers = new LayerObservations(pairs, context).Of(data);
        var tried = layers.OrderBy(l => l.Sqnr ?? double.NegativeInfinity).Take(options.Layers).Select(l => l.Node).ToHashSet(StringComparer.Ordinal);
        var isHarmless = LayerMends.IsHarmless(experiments.Divergence, experiments.OriginalAccuracy - experiments.CompressedAccuracy);
        var rows = new List<LayerDiagnosis>();
        foreach (var layer in layers)
        {
            context.Report($"trying {layer.Node}", (double)rows.Count / layers.Count);
            var row = tried.Contains(layer.Node) ? experiments.Try(layer) : layer;
            rows.Add(isHarmless ? row : row with { Mends = LayerMends.For(row) });
        }
        return new ModelDiagnosis(experiments.OriginalAccuracy, experiments.CompressedAccuracy, experiments.Divergence, data.Count,
            [.. rows.OrderByDescending(r => r.Blame)]);
    }

    private static DataSet Sample(CompressionContext context, int samples)
    {
        var data = context.Validation;
        if (samples >= data.Count) return data;
        var order = Enumerable.Range(0, data.Count).ToArray();
        context.RngFor(SampleChance).Shuffle(order.AsSpan());
        Array.Sort(order, 0, samples);
        return data.Subset(order.AsSpan(0, samples));
    }
}
