using Nabi.Compression.Distillation;
using Nabi.Compression.Pruning;
using Nabi.Compression.Quantization;
using Nabi.Compression.Recipes;

namespace Nabi.Compression.Pipelines;

/// <summary>
/// PQK (Kim, Chang and Kwak 2021, "PQK: Model Compression via Pruning, Quantization, and Knowledge Distillation"): phase 1 prunes gradually while it trains on few levels;
/// phase 2 puts the weights that were pruned away back beside the others, which makes a teacher out of what would be thrown away, and trains student and
/// teacher together: they share the important weights, so that no teacher has to be trained before.
/// </summary>
/// <remarks>
/// From the paper come the two phases, the pruned-away weights as what the teacher has more than the student, and that both live in one network. Of its details the following were not
/// at hand and are ours: the teacher computes in float on the important weights as they are and has its own normalization and biases; it learns
/// from the labels, the student from both; the pruned-away weights start from what they were before phase 1; sparsity rises by the cubic of Zhu and Gupta (2017).
/// </remarks>
public sealed record Pqk : TrainedStep
{
    /// <summary>Part of the weights that are zero in the end, 0 to 0.999. Default 0.5.</summary>
    public double Sparsity { get; init; } = 0.5;

    /// <summary>How often the masks grow in phase 1. Default 100.</summary>
    public int Rounds { get; init; } = 100;

    /// <summary>The quantizer of weights and activations. Default lsq.</summary>
    public string Quantizer { get; init; } = "lsq";

    /// <summary>Bits of a weight, 2 to 8. Default 8.</summary>
    public int WeightBits { get; init; } = 8;

    /// <summary>Bits of an activation, 2 to 8. Default 8.</summary>
    public int ActivationBits { get; init; } = 8;

    /// <summary>Epochs of phase 1. Default 5.</summary>
    public int PruningEpochs { get; init; } = 5;

    /// <summary>Epochs of phase 2. Default 5.</summary>
    public int DistillationEpochs { get; init; } = 5;

    /// <summary>The learning rate at the start of each phase; it falls to zero along half a cosine. Default 0.01.</summary>
    public double Rate { get; init; } = 0.01;

    /// <summary>Weight decay. Default 0.0001.</summary>
    public double Decay { get; init; } = 1e-4;

    /// <summary>Share of the student's loss in phase 2 that comes from the teacher within, 0 to 1. Default 0.5.</summary>
    public double Alpha { get; init; } = 0.5;

    /// <summary>Temperature that softens the teacher's scores. Default 4.</summary>
    public double Temperature { get; init; } = 4;

    /// <inheritdoc/>
    public override string? Fault => Phase1.Fault ?? Phase2.Fault ?? OutOfRange("sparsity", Sparsity, 0, 0.999) ?? OutOfRange("rounds", Rounds, 1, 100_000)
        ?? OutOfRange("alpha", Alpha, 0, 1);

    private TrainQuantized Phase1 => new()
    {
        Weights = Quantizer, Activations = Quantizer, WeightBits = WeightBits, ActivationBits = ActivationBits, Epochs = PruningEpochs, Rate = Rate, Decay = Decay,
        Alpha = 0, Batch = Batch, Crop = Crop, Flip = Flip,
    };

    // Its teacher is within; the context's is not asked.
    private FineTune Phase2 => new() { Epochs = DistillationEpochs, Rate = Rate, Decay = Decay, Alpha = 0, Temperature = Temperature, Batch = Batch, Crop = Crop, Flip = Flip };

    /// <inheritdoc/>
    public override Graph Apply(Graph graph, CompressionContext context)
    {
        var layers = WeightLayer.Of(graph);
        if (layers.Count == 0) throw new NabiException($"model '{graph.Name}' has no float weights that can be masked");
        var schedule = new GradualSparsity(layers.ToArray(), SparsityMasks.SparsityOf(graph), Sparsity, Rounds, Ramp: 0.6, "magnitude", "free", WeightScope.Global, context.Seed);
        context.Report("phase 1: pruning on few levels");
        var pruned = Phase1.Train(graph, context, o => o with { Pruning = schedule });
        // A training of few steps may not have come to its last rounds.
        var last = layers.ToDictionary(l => l.Name, l => pruned.Parameter(l.Name)!.Data!.Copy(), StringComparer.Ordinal);
        schedule.Prune(last, 1);
        pruned = pruned.WithParameters(last);
        context.Report("phase 2: learning from what was pruned away");
        var both = TeacherBeside.Of(pruned, graph);
        var taught = Phase2.Train(both.Graph, context, trainStatistics: true, o => o with { Guidance = [.. o.Guidance, new TeacherWithin(Alpha, Temperature)] }, masks: both.Masks);
        context.Notes.Add($"{Name}: {SparsityMasks.SparsityOf(pruned):P0} of the weights pruned, taught by a network with those weights beside the others.");
        return TrainQuantized.Store(both.StudentOf(taught, pruned));
    }
}

/// <summary>Writes <see cref="Pipelines.Pqk"/> in recipes.</summary>
public static class PqkRecipe
{
    /// <summary>Adds pruning, quantization and distillation from the pruned-away weights.</summary>
    public static Recipe Pqk(this Recipe recipe, Func<Pqk, Pqk>? settings = null) => recipe.Then(settings?.Invoke(new Pqk()) ?? new Pqk());
}
