using Nabi.Compression.Distillation;
using Nabi.Compression.Recipes;
using Nabi.Training;

namespace Nabi.Compression.Pruning;

/// <summary>
/// Learned thresholds for channels, one per dependency group: soft threshold reparameterization (Kusupati et al. 2020, "Soft Threshold Weight
/// Reparameterization for Learnable Sparsity", equations 3 to 5) in its structured form. While it trains, every scale w of a channel is replaced by
/// sign(w) ReLU(|w| - g(s)) with g the sigmoid and s learned with the network; the decay of s and w drives channels to zero, the loss holds them back.
/// Channels whose scale ends at zero are removed.
/// </summary>
/// <remarks>
/// The paper thresholds single weights, and for structure the vector that scales the factors of a low-rank product (section 4.3). Here it
/// is the scales of batch normalizations, or, where a group has none, the filters. Where several scales belong to one channel the threshold acts on their Euclidean norm n,
/// w ReLU(1 - g(s) / n), which for a single scale is the paper's equation; shifts and biases of the channel are cut off together with it, so that what is
/// removed computes nothing. s begins at <see cref="Start"/>, and s and w decay with a strength of their own (<see cref="Pressure"/>) instead of the common one, because the paper's
/// hundreds of thousands of steps from -3200 are not to be had in a fine-tuning. How much is removed is learned, not given.
/// </remarks>
public sealed record LearnThresholds : CompressionStep
{
    /// <summary>Strength lambda of the decay of s and w, a term of lambda / 2 (s^2 + |w|^2) of the loss: the larger, the more is removed. Default 0.02.</summary>
    public double Pressure { get; init; } = 0.02;

    /// <summary>s in the beginning, below 0: the threshold is sigmoid(s). Default -5, a threshold of 0.0067.</summary>
    public double Start { get; init; } = -5;

    /// <summary>The largest part of one group's channels that may go, 0 to 1. Default 0.9.</summary>
    public double MaxRatio { get; init; } = 0.9;

    /// <summary>Epochs of training. Default 10.</summary>
    public int Epochs { get; init; } = 10;

    /// <summary>The learning rate at the start; it falls to zero along half a cosine. Default 0.05.</summary>
    public double Rate { get; init; } = 0.05;

    /// <summary>Share of the loss that comes from the context's teacher, 0 to 1. Default 0, as in the paper.</summary>
    public double Alpha { get; init; }

    /// <summary>Crop images at random after padding by this many pixels. Default 0: no cropping.</summary>
    public int Crop { get; init; }

    /// <summary>Flip images at random from left to right? Default false: it changes the meaning of digits and letters.</summary>
    public bool Flip { get; init; }

    /// <inheritdoc/>
    public override bool Trains => true;

    /// <inheritdoc/>
    public override string? Fault => OutOfRange("pressure", Pressure, 0, 10) ?? OutOfRange("start", Start, -100, 0) ?? OutOfRange("max-ratio", MaxRatio, 0, 1) ?? Training.Fault;

    private FineTune Training => new() { Epochs = Epochs, Rate = Rate, Alpha = Alpha, Crop = Crop, Flip = Flip };

    /// <inheritdoc/>
    public override Graph Apply(Graph graph, CompressionContext context)
    {
        var pruned = Remove(Learn(graph, context), MaxRatio);
        context.Notes.Add($"{Name}: {graph.ParameterCount:N0} to {pruned.ParameterCount:N0} parameters, {ChannelSelection.Macs(graph):N0} to {ChannelSelection.Macs(pruned):N0} MACs.");
        return pruned;
    }

    /// <summary>Removes the channels whose scales are zero.</summary>
    internal static Graph Remove(Graph cut, double maxRatio)
    {
        var groups = ChannelGroups.Of(cut);
        var scores = groups.Select(g => ThresholdedChannels.Of(g)?.Norms() ?? [.. Enumerable.Repeat(float.PositiveInfinity, g.Count)]).ToArray();
        var limits = new ChannelLimits { MaxRatio = maxRatio, MinChannels = 1 };
        var removed = new Dictionary<int, IReadOnlyCollection<int>>();
        for (var g = 0; g < scores.Length; g++)
        {
            var dead = Enumerable.Range(0, groups[g].Count).Where(c => scores[g][c] == 0).ToArray();
            if (limits.Allow(groups[g].Count, dead.Length) is var count && count > 0) removed[g] = dead[..count];
        }
        return groups.Prune(removed);
    }

    /// <summary>Trains with thresholds and applies them, but leaves the channels that are zero where they are.</summary>
    internal Graph Learn(Graph graph, CompressionContext context)
    {
        var channels = ChannelGroups.Of(graph).Select(ThresholdedChannels.Of).OfType<ThresholdedChannels>().ToArray();
        if (channels.Length == 0) throw new NabiException($"model '{graph.Name}' has no channels that can be removed: all of them are tied to its inputs or outputs, or to operators that mix channels");
        var (learning, thresholds) = ThresholdedChannels.Parameterize(graph, channels, (float)Start);
        var decay = new ThresholdDecay([.. thresholds, .. channels.SelectMany(c => c.Decisive).Select(d => d.At.Value.Name).Distinct(StringComparer.Ordinal)], Pressure);
        var trained = Training.Train(learning, context, trainStatistics: true, o => o with { Penalties = [decay] });
        return ThresholdedChannels.Applied(graph, trained, channels, thresholds);
    }

    /// <summary>The decay of thresholds and of what they are applied to: strength / 2 x the sum of squares.</summary>
    private sealed record ThresholdDecay(ValueArray<string> Names, double Strength) : Penalty
    {
        public override Value? Build(GraphBuilder builder, Value parameter, Value original) => Names.Span.Contains(original.Name)
            ? builder.ReduceSum(builder.Mul(builder.Square(parameter), Strength / 2), [], keepdims: false) : null;
    }
}

/// <summary>Writes <see cref="Pruning.LearnThresholds"/> in recipes.</summary>
public static class LearnThresholdsRecipe
{
    /// <summary>Adds training with learned thresholds, and the removal of the channels below them.</summary>
    public static Recipe LearnThresholds(this Recipe recipe, Func<LearnThresholds, LearnThresholds>? settings = null) =>
        recipe.Then(settings?.Invoke(new LearnThresholds()) ?? new LearnThresholds());
}
