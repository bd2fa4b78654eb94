using Nabi.Compression.Distillation;
using Nabi.Compression.Recipes;
using Nabi.Training;

namespace Nabi.Compression.Pruning;

/// <summary>
/// Finds a winning ticket (Frankle and Carbin 2019, The Lottery Ticket Hypothesis, sections 1 and 2): trains the network, prunes the smallest weights, sets those left back to
/// what they were in the beginning, and again; the last training is that of the ticket. With <see cref="Rewind"/> weights go back to an early step of the first training
/// instead (Frankle et al. 2020, Linear Mode Connectivity and the Lottery Ticket Hypothesis, section 4), which larger networks need.
/// </summary>
/// <remarks>
/// The weights that the step is given are the beginning: give it an untrained network (<c>nabi new</c>, or a zoo network by its seed). Of a trained one it makes iterative magnitude
/// pruning that goes back to the trained weights. All trainings have the same settings and see the samples in the same order; parameters without a mask go back too.
/// </remarks>
public sealed record Lottery : TrainedStep
{
    /// <summary>Part of the weights that are zero in the ticket, 0.01 to 0.999. Default 0.8.</summary>
    public double Sparsity { get; init; } = 0.8;

    /// <summary>
    /// Rounds of training, pruning and going back; each prunes the same part of the weights that are left. Default 7, which for a sparsity of 0.8 prunes 20 % each, the
    /// paper's. Range 1 to 100; 1 is the paper's one-shot pruning.
    /// </summary>
    public int Rounds { get; init; } = 7;

    /// <summary>Steps of the first training after which the weights are kept to go back to, k of Frankle et al. 2020. Default 0: the weights given. Range 0 to below all steps.</summary>
    public int Rewind { get; init; }

    /// <summary>The pruned part of the last layer in each round as a share of that of the others. Default 0.5, as the paper's section 2. Range 0 to 1.</summary>
    public double Classifier { get; init; } = 0.5;

    /// <summary><c>layer</c> prunes each layer alike, <c>global</c> ranks all layers but the last together, which deep networks need (the paper's section 4). Default layer.</summary>
    public string Scope { get; init; } = WeightScope.Layer;

    /// <summary>Times the training set is gone through in each round and for the ticket. Default 10. Range 1 to 10,000.</summary>
    public int Epochs { get; init; } = 10;

    /// <summary>The learning rate at the start; it falls to zero along half a cosine. Default 0.05.</summary>
    public double Rate { get; init; } = 0.05;

    /// <summary>Weight decay. Default 0.0001.</summary>
    public double Decay { get; init; } = 1e-4;

    /// <summary>Share of the loss that comes from the context's teacher, 0 to 1. Default 0: the paper has none.</summary>
    public double Alpha { get; init; }

    /// <inheritdoc/>
    public override string? Fault => OutOfRange("sparsity", Sparsity, 0.01, 0.999) ?? OutOfRange("rounds", Rounds, 1, 100) ?? OutOfRange("rewind", Rewind, 0, 1e9)
        ?? OutOfRange("classifier", Classifier, 0, 1) ?? WeightScope.Fault(Scope) ?? Training.Fault;

    private FineTune Training => new() { Epochs = Epochs, Rate = Rate, Decay = Decay, Alpha = Alpha, Batch = Batch, Crop = Crop, Flip = Flip };

    /// <inheritdoc/>
    public override Graph Apply(Graph graph, CompressionContext context)
    {
        var layers = WeightLayer.Of(graph);
        if (layers.Count == 0) throw new NabiException($"model '{graph.Name}' has no float weights that can be masked");
        var steps = Steps(context);
        if (Rewind >= steps) throw new NabiException($"rewind is {Rewind} but a training has only {steps} steps");
        var beginning = Rewind == 0 ? graph : Trained(graph, context, 0, Rewind, steps);
        var ticket = beginning;
        for (var round = 1; round <= Rounds; round++)
        {
            context.Report($"round {round} of {Rounds}: {SparsityMasks.SparsityOf(ticket):P0} pruned", (round - 1.0) / (Rounds + 1));
            ticket = Rewound(beginning, Pruned(Trained(ticket, context, Rewind, steps - Rewind, steps), layers, round));
        }
        context.Notes.Add($"{Name}: {SparsityMasks.SparsityOf(ticket):P1} of the weights are pruned in the ticket, after {Rounds} rounds of {steps:N0} steps.");
        return Trained(ticket, context, Rewind, steps - Rewind, steps);
    }

    private long Steps(CompressionContext context)
    {
        var samples = context.TrainingData.Count;
        return (long)Epochs * (samples / Math.Min(Batch ?? context.BatchSize, samples));
    }

    private Graph Trained(Graph graph, CompressionContext context, long from, long steps, long whole) => Training.Train(graph, context, trainStatistics: true,
        o => o with { Steps = (int)steps }, new TrainingPart(0, from, whole, null, []));

    // Each round keeps the same part of what the round before left; the last layer is ranked by itself.
    private Dictionary<string, Tensor> Pruned(Graph trained, IReadOnlyList<WeightLayer> layers, int round)
    {
        var part = 1 - Math.Pow(1 - Sparsity, 1.0 / Rounds);
        var weights = layers.ToDictionary(l => l.Name, l => trained.Parameter(l.Name)!.Data!.Copy(), StringComparer.Ordinal);
        var scored = WeightScores.Of(layers, weights, new WeightCriteria.Magnitude(), new Rng(0));
        var pattern = new BlockPattern(1, 1);
        if (scored.Count > 1) pattern.Prune([.. scored.SkipLast(1)], 1 - Math.Pow(1 - part, round), Scope);
        pattern.Prune([scored[^1]], 1 - Math.Pow(1 - part * (scored.Count > 1 ? Classifier : 1), round), Scope);
        return weights;
    }

    private static Graph Rewound(Graph beginning, Dictionary<string, Tensor> pruned)
    {
        var weights = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        foreach (var (name, mask) in pruned)
        {
            weights[name] = beginning.Parameter(name)!.Data!.Copy();
            Span<float> w = weights[name].Span<float>(), m = mask.Span<float>();
            for (var i = 0; i < w.Length; i++)
                if (m[i] == 0) w[i] = 0;
        }
        return beginning.WithParameters(weights);
    }
}

/// <summary>Writes <see cref="Pruning.Lottery"/> in recipes.</summary>
public static class LotteryRecipe
{
    /// <summary>Adds the search for a winning ticket.</summary>
    public static Recipe Lottery(this Recipe recipe, Func<Lottery, Lottery>? settings = null) =>
        recipe.Then(settings?.Invoke(new Lottery()) ?? new Lottery());
}
