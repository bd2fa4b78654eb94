using Nabi.Compression.Recipes;

namespace Nabi.Compression.Pruning;

/// <summary>
/// Pruning of single weights in one shot: those that matter least by a criterion become zero, alone, in whole blocks, or all but N of every M. Shapes stay;
/// files shrink where zeros are coded, and sparse kernels run where a layer is sparse enough. Fine-tuning afterwards keeps the zeros.
/// </summary>
/// <remarks>
/// Criteria are in <see cref="WeightCriteria"/>. Before a training magnitude is as good as any and needs no data; without one <c>obd</c> in ten rounds loses least where
/// much is pruned (LeCun, Denker and Solla 1990, Optimal Brain Damage): one round judges all weights by a network that is gone once the first have left.
/// </remarks>
public sealed record PruneWeights : CompressionStep
{
    /// <summary>Part of the weights that become zero, 0 to 0.999. Default 0.5; not used with an N:M pattern.</summary>
    public double Sparsity { get; init; } = 0.5;

    /// <summary>
    /// <c>global</c> ranks all layers' weights together, <c>layer</c> each layer's by themselves, <c>deviation</c> all together in units of each layer's standard deviation
    /// (Han et al. 2015, section 4). Default global.
    /// </summary>
    public string Scope { get; init; } = WeightScope.Global;

    /// <summary>
    /// <c>free</c>; N:M such as <c>2:4</c>; or blocks such as <c>block-4x4</c>: R outputs by C columns of the matrix [out, in kh kw] are zero together. N below M, M up to
    /// 64; R and C 1 to 256. <c>block-16x1</c>, a register of outputs that share an input, is what the block kernel skips. Default free.
    /// </summary>
    public string Pattern { get; init; } = "free";

    /// <summary>The criterion's name: magnitude, obd, taylor, lamp, random. Default magnitude.</summary>
    public string Criterion { get; init; } = "magnitude";

    /// <summary>Samples for criteria that need gradients or second derivatives. Default 1024. Range 1 to 1,000,000.</summary>
    public int Samples { get; init; } = 1024;

    /// <summary>Random directions per batch for criteria that need second derivatives. Default 8. Range 1 to 1000.</summary>
    public int Probes { get; init; } = 8;

    /// <summary>
    /// Rounds in which the sparsity is reached, each dropping the same part of the weights still there and each scoring anew, since second derivatives and gradients change
    /// with every weight that goes. Default 1. Range 1 to 1000.
    /// </summary>
    public int Rounds { get; init; } = 1;

    /// <inheritdoc/>
    public override string? Fault => OutOfRange("sparsity", Sparsity, 0, 0.999) ?? WeightScope.Fault(Scope)
        ?? (WeightPattern.Parse(Pattern) is not null ? null : $"pattern is '{Pattern}' but must be {WeightPattern.Allowed}")
        ?? OutOfRange("samples", Samples, 1, 1_000_000) ?? OutOfRange("probes", Probes, 1, 1000) ?? OutOfRange("rounds", Rounds, 1, 1000)
        ?? (Named<WeightCriterion>.Names.Contains(Criterion) ? null
            : $"there is no criterion '{Criterion}'; there are {string.Join(", ", Named<WeightCriterion>.Names)}");

    /// <inheritdoc/>
    public override Graph Apply(Graph graph, CompressionContext context)
    {
        var pattern = WeightPattern.Parse(Pattern)!;
        var layers = WeightLayer.Of(graph).Where(l => pattern.Fits(l.Axes, graph.Parameter(l.Name)!.Shape)).ToArray();
        if (layers.Length == 0) throw new NabiException($"model '{graph.Name}' has no float weights that can be masked");
        var criterion = Named<WeightCriterion>.Create(Criterion, "criterion");
        var kept = 1 - Math.Min(Sparsity, SparsityMasks.SparsityOf(graph));
        for (var round = 1; round <= Rounds; round++)
        {
            context.Report($"scoring {layers.Length} layers with {Criterion}", (round - 1.0) / Rounds);
            var weights = WeightScores.Of(graph, layers, criterion, Samples, Probes, context);
            pattern.Prune(weights, round == Rounds ? Sparsity : 1 - kept * Math.Pow((1 - Sparsity) / kept, (double)round / Rounds), Scope);
            graph = graph.WithParameters(weights.ToDictionary(w => w.Name, w => w.Weights, StringComparer.Ordinal));
        }
        return graph;
    }
}

/// <summary>Writes <see cref="Pruning.PruneWeights"/> in recipes.</summary>
public static class PruneWeightsRecipe
{
    /// <summary>Adds one-shot pruning of single weights.</summary>
    public static Recipe PruneWeights(this Recipe recipe, Func<PruneWeights, PruneWeights>? settings = null) =>
        recipe.Then(settings?.Invoke(new PruneWeights()) ?? new PruneWeights());
}
