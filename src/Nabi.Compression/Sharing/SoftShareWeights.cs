using Nabi.Compression.Distillation;
using Nabi.Compression.Recipes;
using Nabi.Passes;
using Nabi.Training;

namespace Nabi.Compression.Sharing;

/// <summary>
/// Soft weight-sharing (Ullrich, Meeds and Welling 2017, "Soft Weight-Sharing for Neural Network Compression"; Nowlan and Hinton 1992, "Simplifying Neural Networks by Soft Weight-Sharing"):
/// a trained network is trained further under a mixture of Gaussians as the prior of all its weights (<see cref="MixturePrior"/>), whose means, variances and
/// mixing proportions are learned with them. Weights gather around the means, most of them around zero, so that pruning and sharing are one training; afterwards each takes the mean
/// of the component that is most responsible for it (section 4.3), those of the first component become zero, and a .nabi file codes the indices.
/// </summary>
/// <remarks>
/// All layers share one codebook, as in the paper. Defaults are those of the authors' tutorial code; its numbers suit weights between about -0.6 and 0.6, so
/// deviations and hyper-priors are scaled with the range of the weights at the start, over which the means are spread. Its merging of components concerns only equal ones, which
/// have one value here anyway. Batch normalization is folded first, because what is folded afterwards would not share values. Biases stay as they are. The term looks at every
/// weight for every component in each step: a training of 270,000 weights and 16 components takes several times as long as without it.
/// </remarks>
public sealed record SoftShareWeights : TrainedStep
{
    /// <summary>Components, the one at zero among them: values a weight can take. Default 16. Range 2 to 256.</summary>
    public int Components { get; init; } = 16;

    /// <summary>The mixing proportion of the component at zero, pi_0: how many weights shall vanish. Default 0.99. Range 0.01 to 0.9999.</summary>
    public double ZeroShare { get; init; } = 0.99;

    /// <summary>tau, how much the prior counts beside the likelihood of the labels. Default 0.003. Range 0 to 1.</summary>
    public double Tau { get; init; } = 0.003;

    /// <summary>Epochs of training. Default 30.</summary>
    public int Epochs { get; init; } = 30;

    /// <summary>
    /// The learning rate of Adam for the weights, the same to the end; means learn at a fifth of it, logarithms of precisions and proportions at six times.
    /// Default 0.0005. Trainings of few steps want more: precisions must rise from those of wide components.
    /// </summary>
    public double Rate { get; init; } = 5e-4;

    /// <summary>Share of the loss that comes from the teacher, 0 to 1. Default 0, as in the paper.</summary>
    public double Alpha { get; init; }

    /// <summary>Names of layers to leave alone. Default none.</summary>
    public ValueArray<string> Keep { get; init; } = [];

    /// <inheritdoc/>
    public override string? Fault => OutOfRange("components", Components, 2, 256) ?? OutOfRange("zero-share", ZeroShare, 0.01, 0.9999) ?? OutOfRange("tau", Tau, 0, 1) ?? Training.Fault;

    private FineTune Training => new() { Epochs = Epochs, Rate = Rate, Alpha = Alpha, Decay = 0, Batch = Batch, Crop = Crop, Flip = Flip };

    /// <inheritdoc/>
    public override Graph Apply(Graph graph, CompressionContext context)
    {
        var (trained, mixture, names) = Train(graph, context);
        var (total, zeros) = (0L, 0L);
        var values = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        foreach (var name in names)
        {
            var tensor = values[name] = trained.Parameter(name)!.Data!.Copy();
            foreach (ref var w in tensor.Span<float>())
            {
                w = w == 0 ? 0 : (float)mixture.Means[mixture.MostResponsible(w)];
                if (w == 0) zeros++;
            }
            total += tensor.Count;
        }
        context.Notes.Add($"{Name}: {zeros:N0} of {total:N0} weights became zero, the others share {values.Values.SelectMany(t => t.ToSingle()).Where(w => w != 0).Distinct().Count()} values.");
        return new ShareWeights { Bits = 8, ConvBits = 8, Epochs = 0, Keep = Keep }.Share(trained.WithParameters(values), context);
    }

    /// <summary>The first half of the step: the network trained under the prior, the mixture it arrived at, and the parameters concerned.</summary>
    internal (Graph Trained, Mixture Mixture, IReadOnlyList<string> Names) Train(Graph graph, CompressionContext context)
    {
        graph = FoldBatchNormalization.Pass.Apply(graph);
        foreach (var name in Keep)
            if (graph.Nodes.All(n => n.Name != name)) throw new NabiException($"there is no node '{name}' to keep; layers are {string.Join(", ", WeightAxes.Layers(graph).Select(l => l.Node.Name))}");
        string[] names = [.. WeightAxes.Layers(graph).Where(l => l.Weight is { IsTrainable: true, IsUpdated: false, DType: DType.Float32, Shape.Count: > 0 } && !Keep.Contains(l.Node.Name)).Select(l => l.Weight.Name)];
        if (names.Length == 0) throw new NabiException($"model '{graph.Name}' has no float weights that can share values");
        var (low, high) = (0f, 0f);
        foreach (var w in names.SelectMany(n => graph.Parameter(n)!.Data!.ToSingle()))
        {
            if (!float.IsFinite(w)) throw new NabiException("a weight is not finite; only finite weights can share values");
            (low, high) = (Math.Min(low, w), Math.Max(high, w));
        }
        if (low == high) throw new NabiException($"all weights of model '{graph.Name}' are zero; there is nothing to share");
        var prior = new MixturePrior(names, Components, ZeroShare, Tau / context.TrainingData.Count, low, high);
        var result = Training.Run(graph, context, trainStatistics: true, o => o with { Optimizer = new Adam(), Schedule = new Constant(), Guidance = [.. o.Guidance, prior] });
        return (result.Model, prior.Read(result.Learned), names);
    }
}

/// <summary>Writes <see cref="Sharing.SoftShareWeights"/> in recipes.</summary>
public static class SoftShareWeightsRecipe
{
    /// <summary>Adds training under a mixture of Gaussians, whose means the weights take.</summary>
    public static Recipe SoftShareWeights(this Recipe recipe, Func<SoftShareWeights, SoftShareWeights>? settings = null) =>
        recipe.Then(settings?.Invoke(new SoftShareWeights()) ?? new SoftShareWeights());
}
