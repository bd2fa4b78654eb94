using Nabi.Compression.Quantization;

namespace Nabi.Compression.Pruning;

/// <summary>Asks a criterion for the scores of a network's weights and gives it what it needs to know.</summary>
internal static class WeightScores
{
    private const ulong Chance = 0x3E16;

    /// <summary>The weights, copied, with their scores.</summary>
    /// <param name="graph">The network.</param>
    /// <param name="layers">The weights.</param>
    /// <param name="criterion">The criterion.</param>
    /// <param name="samples">Samples for gradients and second derivatives.</param>
    /// <param name="probes">Random directions per batch for second derivatives.</param>
    /// <param name="context">Data, seed, progress.</param>
    public static IReadOnlyList<ScoredWeight> Of(Graph graph, IReadOnlyList<WeightLayer> layers, WeightCriterion criterion, int samples, int probes, CompressionContext context)
    {
        var rng = context.RngFor(Chance);
        var names = layers.Select(l => l.Name).ToHashSet(StringComparer.Ordinal);
        var weights = layers.ToDictionary(l => l.Name, l => graph.Parameter(l.Name)!.Data!, StringComparer.Ordinal);
        var curvature = criterion.NeedsCurvature
            ? LossCurvature.Diagonal(graph, names, CalibrationBatches.Of(graph, context, samples), probes, rng.Fork(1), context) : null;
        if (!criterion.NeedsGradients) return Scored(layers, weights, l => Score(l, null));

        var loader = CalibrationBatches.Of(graph, context, samples);
        var sums = layers.ToDictionary(l => l, l => new float[weights[l.Name].Shape.Count]);
        var batches = 0;
        foreach (var gradients in LossGradients.PerBatch(graph, names, loader, context.Threads))
        {
            context.Report("gradients for the criterion", (double)batches++ / loader.Steps);
            foreach (var (layer, sum) in sums)
            {
                var scores = Score(layer, gradients[layer.Name].ToSingle());
                for (var i = 0; i < sum.Length; i++) sum[i] += scores[i] / loader.Steps;
            }
        }
        return Scored(layers, weights, l => sums[l]);

        float[] Score(WeightLayer layer, float[]? gradients) =>
            criterion.Score(new WeightView(layer.Name, weights[layer.Name].ToSingle(), rng, gradients, curvature?[layer.Name]));
    }

    /// <summary>The scores of weights by a criterion that needs no data; the tensors are not copied.</summary>
    public static IReadOnlyList<ScoredWeight> Of(IReadOnlyList<WeightLayer> layers, IReadOnlyDictionary<string, Tensor> weights, WeightCriterion criterion, Rng rng) =>
        [.. layers.Select(l => new ScoredWeight(l.Name, l.Axes, weights[l.Name], criterion.Score(new WeightView(l.Name, weights[l.Name].ToSingle(), rng))))];

    private static ScoredWeight[] Scored(IReadOnlyList<WeightLayer> layers, Dictionary<string, Tensor> weights, Func<WeightLayer, float[]> scores) =>
        [.. layers.Select(l => new ScoredWeight(l.Name, l.Axes, weights[l.Name].Copy(), scores(l)))];
}
