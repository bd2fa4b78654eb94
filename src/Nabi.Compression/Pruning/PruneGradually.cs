using Nabi.Compression.Distillation;
using Nabi.Compression.Recipes;

namespace Nabi.Compression.Pruning;

/// <summary>
/// Gradual pruning (Zhu and Gupta 2017, To prune, or not to prune, section 3): within one training, with one learning-rate schedule, sparsity rises along the
/// cubic of equation 1, fast while much is redundant and slowly in the end; then the rest of the training settles what is left. It learns from the context's teacher
/// where there is one.
/// </summary>
/// <remarks>
/// Zhu and Gupta keep masked weights as they were under the mask, so that one may come back when others fall below it. Here a pruned weight is zero and stays zero: the weights alone
/// tell what is pruned, which is what makes an interrupted training resumable to the bit, and masks only grow.
/// </remarks>
public sealed record PruneGradually : TrainedStep
{
    /// <summary>Part of the weights that are zero in the end, 0 to 0.999. Default 0.8.</summary>
    public double Sparsity { get; init; } = 0.8;

    /// <summary>How often the masks grow, n of equation 1. Default 100. Range 1 to 100,000; the paper prunes every 100 to 1000 steps.</summary>
    public int Rounds { get; init; } = 100;

    /// <summary>Part of the training over which sparsity rises, 0.01 to 1. Default 0.6: with the cosine of the learning rate it should have risen while the rate is still high.</summary>
    public double Ramp { get; init; } = 0.6;

    /// <summary>Times the training set is gone through, all rounds together. Default 5. Range 1 to 10,000.</summary>
    public int Epochs { get; init; } = 5;

    /// <summary>The learning rate at the start; it falls to zero along half a cosine. Default 0.01.</summary>
    public double Rate { get; init; } = 0.01;

    /// <summary>Weight decay. Default 0.0001.</summary>
    public double Decay { get; init; } = 1e-4;

    /// <summary>Share of the loss that comes from the context's teacher, 0 to 1. Default 0.5; without a teacher there is none.</summary>
    public double Alpha { get; init; } = 0.5;

    /// <summary>Temperature that softens the teacher's scores. Default 4.</summary>
    public double Temperature { get; init; } = 4;

    /// <summary>
    /// <c>global</c> ranks all layers' weights together, <c>layer</c> each layer's by themselves, <c>deviation</c> all together in units of each layer's standard deviation
    /// (Han et al. 2015, section 4). Default global.
    /// </summary>
    public string Scope { get; init; } = WeightScope.Global;

    /// <summary><c>free</c>, or blocks such as <c>block-4x4</c>, see <see cref="PruneWeights.Pattern"/>. Default free.</summary>
    public string Pattern { get; init; } = "free";

    /// <summary>The name of a criterion that needs no data: magnitude, lamp, random. Default magnitude, as in the paper.</summary>
    public string Criterion { get; init; } = "magnitude";

    /// <inheritdoc/>
    public override string? Fault => OutOfRange("sparsity", Sparsity, 0, 0.999) ?? OutOfRange("rounds", Rounds, 1, 100_000) ?? OutOfRange("ramp", Ramp, 0.01, 1)
        ?? Training.Fault ?? WeightScope.Fault(Scope)
        ?? (WeightPattern.Parse(Pattern) is BlockPattern ? null : $"pattern is '{Pattern}' but must be free or block-RxC such as block-4x4; N:M is for prune-weights")
        ?? CriterionFault(Criterion);

    private FineTune Training => new()
    {
        Epochs = Epochs, Rate = Rate, Decay = Decay, Alpha = Alpha, Temperature = Temperature, Batch = Batch, Crop = Crop, Flip = Flip,
    };

    /// <summary>A clause when there is no such criterion, or it needs data, which there is none of amid a training; else null.</summary>
    internal static string? CriterionFault(string criterion)
    {
        var able = Named<WeightCriterion>.Names.Where(n => Named<WeightCriterion>.Create(n, "criterion") is { NeedsGradients: false, NeedsCurvature: false }).ToArray();
        return able.Contains(criterion) ? null : $"there is no criterion '{criterion}' that works amid a training; there are {string.Join(", ", able)}";
    }

    /// <inheritdoc/>
    public override Graph Apply(Graph graph, CompressionContext context)
    {
        var layers = WeightLayer.Of(graph);
        if (layers.Count == 0) throw new NabiException($"model '{graph.Name}' has no float weights that can be masked");
        var start = SparsityMasks.SparsityOf(graph);
        var schedule = new GradualSparsity(layers.ToArray(), start, Math.Max(start, Sparsity), Rounds, Ramp, Criterion, Pattern, Scope, context.Seed);
        graph = Training.Train(graph, context, trainStatistics: true, o => o with { Pruning = schedule });
        // A training of few steps may not have come to its last rounds.
        var tensors = layers.ToDictionary(l => l.Name, l => graph.Parameter(l.Name)!.Data!.Copy(), StringComparer.Ordinal);
        schedule.Prune(tensors, 1);
        return graph.WithParameters(tensors);
    }
}

/// <summary>Writes <see cref="Pruning.PruneGradually"/> in recipes.</summary>
public static class PruneGraduallyRecipe
{
    /// <summary>Adds gradual pruning while training.</summary>
    public static Recipe PruneGradually(this Recipe recipe, Func<PruneGradually, PruneGradually>? settings = null) =>
        recipe.Then(settings?.Invoke(new PruneGradually()) ?? new PruneGradually());
}
