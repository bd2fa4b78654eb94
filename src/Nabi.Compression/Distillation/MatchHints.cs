using Nabi.Compression.Recipes;
using Nabi.Training;

namespace Nabi.Compression.Distillation;

/// <summary>
/// The first stage of FitNets: Romero et al. 2015, "FitNets: Hints for Thin Deep Nets", section 2.3, algorithm 1. The network is trained up to its guided
/// layer to predict the teacher's hint layer, without labels; what lies behind does not change. <see cref="FineTune"/> after it is the second stage,
/// distillation of the whole network.
/// </summary>
public sealed record MatchHints : CompressionStep
{
    /// <summary>Times the training set is gone through. Default 5. Range 1 to 10,000.</summary>
    public int Epochs { get; init; } = 5;

    /// <summary>The learning rate at the start; it falls to zero along half a cosine. Default 0.05.</summary>
    public double Rate { get; init; } = 0.05;

    /// <summary>Samples in a batch. Default the context's.</summary>
    public int? Batch { get; init; }

    /// <summary>Pairs <c>guided=hint</c> of layers; the middle one of the layers of equal size when empty, as in the paper. Default empty.</summary>
    public ValueArray<string> Layers { get; init; } = [];

    /// <inheritdoc/>
    public override bool Trains => true;

    /// <inheritdoc/>
    public override string? Fault => OutOfRange("epochs", Epochs, 1, 10_000) ?? OutOfRange("rate", Rate, 1e-9, 10) ?? OutOfRange("batch", Batch ?? 1, 1, 65536);

    /// <inheritdoc/>
    public override Graph Apply(Graph graph, CompressionContext context)
    {
        var hints = new Hints(context.Teacher ?? throw new NabiException("hints come from a teacher, but the context has none")) { Layers = Layers };
        var reached = Before(hints.PairsFor(graph).Select(p => p.Guided));
        return new FineTune { Epochs = Epochs, Rate = Rate, Batch = Batch, Alpha = 0 }.Train(graph, context, trainStatistics: true, options => options with
        {
            Loss = new GuidanceAlone(),
            Guidance = [hints],
            Frozen = [.. graph.Parameters.Where(p => p.IsTrainable && !reached.Contains(p)).Select(p => p.Name)],
        });
    }

    // Everything the values are computed from.
    private static HashSet<Value> Before(IEnumerable<Value> values)
    {
        var (reached, open) = (new HashSet<Value>(), new Stack<Value>(values));
        while (open.TryPop(out var value))
        {
            if (!reached.Add(value) || value.Producer is not { } producer) continue;
            foreach (var input in producer.Inputs)
                if (input is not null) open.Push(input);
        }
        return reached;
    }
}

/// <summary>The step in fluent recipes.</summary>
public static class MatchHintsRecipe
{
    /// <summary>Adds the first stage of FitNets; see <see cref="Distillation.MatchHints"/>.</summary>
    public static Recipe MatchHints(this Recipe recipe, Func<MatchHints, MatchHints>? settings = null) =>
        recipe.Then(settings?.Invoke(new MatchHints()) ?? new MatchHints());
}
