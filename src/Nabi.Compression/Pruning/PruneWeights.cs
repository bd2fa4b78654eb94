using Nabi.Compression.Recipes;

namespace Nabi.Compression.Pruning;

/// <summary>
/// Unstructured pruning in one shot: the weights of smallest magnitude become zero, or all but N of every M. Shapes stay; files shrink where
/// zeros are coded. Fine-tuning afterwards keeps the zeros.
/// </summary>
public sealed record PruneWeights : CompressionStep
{
    /// <summary>Part of the weights that become zero, 0 to below 1. Default 0.5; not used with an N:M pattern.</summary>
    public double Sparsity { get; init; } = 0.5;

    /// <summary><c>global</c> ranks all layers' weights together, <c>layer</c> each layer's by themselves. Default global.</summary>
    public string Scope { get; init; } = "global";

    /// <summary><c>free</c>, or N:M such as <c>2:4</c>. Default free.</summary>
    public string Pattern { get; init; } = "free";

    /// <inheritdoc/>
    public override string? Fault => OutOfRange("sparsity", Sparsity, 0, 0.999)
        ?? (Scope is "global" or "layer" ? null : $"scope is '{Scope}' but must be global or layer")
        ?? (Pattern == "free" || Parse(Pattern) is not null ? null
            : $"pattern is '{Pattern}' but must be free or N:M with N below M, for example 2:4");

    /// <inheritdoc/>
    public override Graph Apply(Graph graph, CompressionContext context)
    {
        var masks = Parse(Pattern) is { } p ? SparsityMasks.NToM(graph, p.N, p.M) : SparsityMasks.Magnitude(graph, Sparsity, Scope == "global");
        if (masks.Count == 0) throw new NabiException($"model '{graph.Name}' has no float weights that can be masked");
        return SparsityMasks.Apply(graph, masks);
    }

    private static (int N, int M)? Parse(string pattern) =>
        pattern.Split(':') is [var n, var m] && int.TryParse(n, out var a) && int.TryParse(m, out var b) && a >= 1 && b > a
            && b <= 64 ? (a, b) : null;
}

/// <summary>Writes <see cref="Pruning.PruneWeights"/> in recipes.</summary>
public static class PruneWeightsRecipe
{
    /// <summary>Adds one-shot magnitude or N:M pruning.</summary>
    public static Recipe PruneWeights(this Recipe recipe, Func<PruneWeights, PruneWeights>? settings = null) =>
        recipe.Then(settings?.Invoke(new PruneWeights()) ?? new PruneWeights());
}
