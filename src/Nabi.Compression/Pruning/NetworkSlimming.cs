using Nabi.Compression.Distillation;
using Nabi.Compression.Recipes;
using Nabi.Ops;
using Nabi.Training;

namespace Nabi.Compression.Pruning;

/// <summary>
/// Network slimming (Liu et al. 2017, "Learning Efficient Convolutional Networks through Network Slimming", section 3): trains with a penalty on the
/// scales of batch normalizations (equation 1), which drives those of needless channels to zero, then removes the channels whose |scale| is
/// below one threshold for the whole network. Several rounds of both are the paper's multi-pass scheme.
/// </summary>
/// <remarks>
/// The paper trains 160 epochs from scratch; a network that is trained already needs a stronger penalty to move in few epochs. A channel
/// that several normalizations scale, as on a residual stream, counts with the mean of their |scale|, where the paper leaves the stream alone.
/// Fine-tune afterwards with a step of its own.
/// </remarks>
public sealed record NetworkSlimming : CompressionStep
{
    /// <summary>The factor lambda of the penalty. Default 1e-4, with which the paper trains VGG from scratch; short trainings of a trained network want more, such as 1e-3.</summary>
    public double Strength { get; init; } = 1e-4;

    /// <summary>Passes of training and removing; each removes an equal factor. Default 1. Range 1 to 100.</summary>
    public int Rounds { get; init; } = 1;

    /// <summary>Part of the multiply-accumulates to keep in the end, 0 to 1. Default 0.5; not used when <see cref="Ratio"/> is given.</summary>
    public double KeepMacs { get; init; } = 0.5;

    /// <summary>Part of the channels to remove in each round, 0 to 1, as in the paper, instead of a target for the multiply-accumulates. Default none.</summary>
    public double? Ratio { get; init; }

    /// <summary>The largest part of one group's channels that may go in a round, 0 to 1. Default 0.9.</summary>
    public double MaxRatio { get; init; } = 0.9;

    /// <summary>Epochs of training before each removal. Default 5.</summary>
    public int Epochs { get; init; } = 5;

    /// <summary>The learning rate at the start of each round; it falls to zero along half a cosine. Default 0.05.</summary>
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
    public override string? Fault => OutOfRange("strength", Strength, 0, 1) ?? OutOfRange("rounds", Rounds, 1, 100) ?? Training.Fault ?? Removal.Fault;

    private FineTune Training => new() { Epochs = Epochs, Rate = Rate, Alpha = Alpha, Crop = Crop, Flip = Flip };

    private PruneChannels Removal => new()
    {
        Criterion = "batch-norm-scale", KeepMacs = Math.Pow(KeepMacs, 1.0 / Rounds), Ratio = Ratio, MaxRatio = MaxRatio,
    };

    /// <inheritdoc/>
    public override Graph Apply(Graph graph, CompressionContext context)
    {
        if (!graph.Nodes.Any(n => n is { Op: BatchNormalization, Inputs: [_, { IsTrainable: true }, ..] }))
            throw new NabiException($"model '{graph.Name}' has no batch normalization whose scales could be trained; where it was folded away, put unfold-batch-norm before");
        for (var round = 1; round <= Rounds; round++)
        {
            context.Report($"round {round} of {Rounds}", (round - 1.0) / Rounds);
            var sparse = Training.Train(graph, context, trainStatistics: true, o => o with { Penalties = [new ScaleSparsity(Strength)] });
            graph = Removal.Apply(sparse, context);
        }
        return graph;
    }
}

/// <summary>Writes <see cref="Pruning.NetworkSlimming"/> in recipes.</summary>
public static class NetworkSlimmingRecipe
{
    /// <summary>Adds training with a penalty on scales, and the removal of channels with small ones.</summary>
    public static Recipe NetworkSlimming(this Recipe recipe, Func<NetworkSlimming, NetworkSlimming>? settings = null) =>
        recipe.Then(settings?.Invoke(new NetworkSlimming()) ?? new NetworkSlimming());
}
