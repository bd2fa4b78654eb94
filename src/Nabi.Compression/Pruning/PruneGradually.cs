using Nabi.Compression.Distillation;
using Nabi.Compression.Recipes;

namespace Nabi.Compression.Pruning;

/// <summary>
/// Gradual magnitude pruning (Zhu and Gupta 2017, equation 1): sparsity rises along a cubic, s(t) = s + (s0 - s)(1 - t/n)^3, with
/// training between the rounds.
/// </summary>
public sealed record PruneGradually : CompressionStep
{
    /// <summary>Part of the weights that are zero in the end, 0 to below 1. Default 0.8.</summary>
    public double Sparsity { get; init; } = 0.8;

    /// <summary>How often the masks grow. Default 5. Range 1 to 1000.</summary>
    public int Rounds { get; init; } = 5;

    /// <summary>Epochs of training after each round. Default 1.</summary>
    public int Epochs { get; init; } = 1;

    /// <summary>The learning rate. Default 0.01.</summary>
    public double Rate { get; init; } = 0.01;

    /// <summary><c>global</c> ranks all layers' weights together, <c>layer</c> each layer's by themselves. Default global.</summary>
    public string Scope { get; init; } = "global";

    /// <inheritdoc/>
    public override bool Trains => true;

    /// <inheritdoc/>
    public override string? Fault => OutOfRange("sparsity", Sparsity, 0, 0.999) ?? OutOfRange("rounds", Rounds, 1, 1000)
        ?? new FineTune { Epochs = Epochs, Rate = Rate }.Fault
            ?? (Scope is "global" or "layer" ? null : $"scope is '{Scope}' but must be global or layer");

    /// <summary>The sparsity after round <paramref name="round"/> of <paramref name="rounds"/>, from 1.</summary>
    internal static double SparsityAt(double start, double end, int round, int rounds) =>
        end + (start - end) * Math.Pow(1 - (double)round / rounds, 3);

    /// <inheritdoc/>
    public override Graph Apply(Graph graph, CompressionContext context)
    {
        var start = SparsityMasks.SparsityOf(graph);
        var training = new FineTune { Epochs = Epochs, Rate = Rate };
        for (var round = 1; round <= Rounds; round++)
        {
            var sparsity = SparsityAt(start, Math.Max(start, Sparsity), round, Rounds);
            context.Report($"sparsity {sparsity:P0}", (round - 1.0) / Rounds);
            graph = training.Apply(SparsityMasks.Apply(graph, SparsityMasks.Magnitude(graph, sparsity, Scope == "global")), context);
        }
        return graph;
    }
}

/// <summary>Writes <see cref="Pruning.PruneGradually"/> in recipes.</summary>
public static class PruneGraduallyRecipe
{
    /// <summary>Adds gradual magnitude pruning with training.</summary>
    public static Recipe PruneGradually(this Recipe recipe, Func<PruneGradually, PruneGradually>? settings = null) =>
        recipe.Then(settings?.Invoke(new PruneGradually()) ?? new PruneGradually());
}
