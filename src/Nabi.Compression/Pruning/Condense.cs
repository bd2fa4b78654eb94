using Nabi.Compression.Distillation;
using Nabi.Compression.Recipes;
using Nabi.Training;

namespace Nabi.Compression.Pruning;

/// <summary>
/// Learned group convolution (Huang et al. 2018, "CondenseNet: An Efficient DenseNet using Learned Group Convolutions", sections 3.2 and 3.3), and
/// sparse feature reactivation (Yang et al. 2021, "CondenseNet V2", section 3.2) where a layer updates features: trains the network, from its
/// present weights, while each group of a 1x1 convolution drops in C - 1 stages the features it needs least, and ends with index layers and ordinary
/// group convolutions. The training is one cosine: the first half condenses, the second optimizes what is left; a group lasso makes the
/// filters of a group drop the same features.
/// </summary>
/// <remarks>
/// It is made for untrained networks with dense 1x1 convolutions, such as <c>condensenet-74-learning</c>, and the paper trains 120 epochs at
/// rate 0.1 on ImageNet, 300 on CIFAR. Layers are found by <see cref="LearnedGroups.Of"/>.
/// </remarks>
public sealed record Condense : TrainedStep
{
    /// <summary>Groups G of each 1x1 convolution. Default 4.</summary>
    public int Groups { get; init; } = 4;

    /// <summary>The condensation factor C: a group keeps one in C of its features. Default 4.</summary>
    public int Factor { get; init; } = 4;

    /// <summary>The condensation factor of the last dense layer, which is one group. Default 2, as in the paper's networks for ImageNet; 1 leaves it as it is.</summary>
    public int Classifier { get; init; } = 2;

    /// <summary>Strength of the group lasso. Default 1e-5.</summary>
    public double Lasso { get; init; } = 1e-5;

    /// <summary>Times the training set is gone through, both halves together. Default 20. Range 1 to 10,000.</summary>
    public int Epochs { get; init; } = 20;

    /// <summary>The learning rate at the start; it falls to zero along half a cosine. Default 0.1.</summary>
    public double Rate { get; init; } = 0.1;

    /// <summary>Weight decay. Default 0.0001.</summary>
    public double Decay { get; init; } = 1e-4;

    /// <summary>Share of the loss that comes from the context's teacher, 0 to 1. Default 0, as in the paper.</summary>
    public double Alpha { get; init; }

    /// <inheritdoc/>
    public override string? Fault => OutOfRange("groups", Groups, 2, 1024) ?? OutOfRange("factor", Factor, 2, 1024) ?? OutOfRange("classifier", Classifier, 1, 1024)
        ?? OutOfRange("lasso", Lasso, 0, 1) ?? Training.Fault;

    /// <inheritdoc/>
    public override Graph Apply(Graph graph, CompressionContext context)
    {
        var layers = LearnedGroups.Of(graph, Groups, Factor, Classifier);
        if (!layers.Any(l => l.Split.Groups == Groups))
            throw new NabiException($"model '{graph.Name}' has no 1x1 convolution without groups whose filters are a multiple of {Groups} and whose features are at least {Factor}; give other groups, or a network such as condensenet-74-learning");
        var learned = Learn(graph, layers, context);
        var condensed = IndexLayers.Condense(learned, layers);
        context.Notes.Add($"{Name}: {layers.Count} layers condensed to index layers and {Groups} groups that keep one in {Factor} features, {ChannelSelection.Macs(graph):N0} to {ChannelSelection.Macs(condensed):N0} MACs.");
        return condensed;
    }

    /// <summary>Trains and condenses, but leaves the layers as they are, with zeros.</summary>
    internal Graph Learn(Graph graph, IReadOnlyList<LearnedGroups> layers, CompressionContext context)
    {
        var schedule = new CondensationSchedule(layers.ToArray());
        var lasso = new GroupLasso(layers.Where(l => l.Split.Groups > 1).Select(l => l.Split).ToArray(), Lasso);
        graph = Training.Train(graph, context, trainStatistics: true, o => o with { Pruning = schedule, Penalties = Lasso > 0 ? [lasso] : [] });
        // A training of few steps may not have come to its last stages.
        var tensors = layers.ToDictionary(l => l.Split.Weight, l => graph.Parameter(l.Split.Weight)!.Data!.Copy(), StringComparer.Ordinal);
        schedule.Prune(tensors, 1);
        return graph.WithParameters(tensors);
    }

    private FineTune Training => new() { Epochs = Epochs, Rate = Rate, Decay = Decay, Alpha = Alpha, Batch = Batch, Crop = Crop, Flip = Flip };
}

/// <summary>Writes <see cref="Pruning.Condense"/> in recipes.</summary>
public static class CondenseRecipe
{
    /// <summary>Adds learned group convolution.</summary>
    public static Recipe Condense(this Recipe recipe, Func<Condense, Condense>? settings = null) =>
        recipe.Then(settings?.Invoke(new Condense()) ?? new Condense());
}
