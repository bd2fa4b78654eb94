using Nabi.Compression.Pruning.Criteria;
using Nabi.Training;

namespace Nabi.Compression.Pruning;

/// <summary>What a network loses when one dependency group alone is pruned, in one shot and without training.</summary>
/// <param name="Group">The group's name.</param>
/// <param name="Channels">Channels it has.</param>
/// <param name="Removed">Channels removed for the measurement.</param>
/// <param name="MacsSaved">Part of the network's multiply-accumulates that saves, 0 to 1.</param>
/// <param name="Drop">Accuracy lost, in parts of all samples; negative where it rose.</param>
public sealed record GroupSensitivity(string Group, int Channels, int Removed, double MacsSaved, double Drop)
{
    /// <summary>Measures every group: the channels of smallest L1 norm are removed, statistics of batch normalizations are measured anew.</summary>
    /// <param name="graph">The network.</param>
    /// <param name="context">Validation samples, calibration samples, cancellation.</param>
    /// <param name="ratio">Part of the group's channels that is removed, 0 to 1. Default 0.5.</param>
    /// <param name="samples">At most this many validation samples. Default 1000.</param>
    public static IReadOnlyList<GroupSensitivity> Sweep(Graph graph, CompressionContext context, double ratio = 0.5, int samples = 1000)
    {
        if (ratio is not (> 0 and < 1)) throw new NabiException($"A ratio of {ratio} is not possible; use one between 0 and 1.");
        var groups = ChannelGroups.Of(graph);
        var (criterion, rng) = (new L1(), context.RngFor(0x5E5));
        var scores = groups.Select(g => criterion.Score(new ChannelGroupView(g, null, rng))).ToArray();
        var selection = new ChannelSelection(groups, scores, areComparable: false, new ChannelLimits { MaxRatio = ratio, MinChannels = 1 }).PerGroup(ratio);
        var data = context.Validation.Take(samples);
        var (before, macs) = (Accuracy(graph), (double)ChannelSelection.Macs(graph));
        var result = new List<GroupSensitivity>();
        foreach (var (index, removed) in selection)
        {
            context.Report($"sensitivity of {groups[index].Name}", (double)result.Count / selection.Count);
            var pruned = groups.Prune(new Dictionary<int, IReadOnlyCollection<int>> { [index] = removed });
            var saved = 1 - ChannelSelection.Macs(pruned) / macs;
            pruned = BatchNormRecalibration.Recalibrate(pruned, context.CalibrationData, batches: 10, batchSize: context.BatchSize, seed: context.Seed);
            result.Add(new GroupSensitivity(groups[index].Name, groups[index].Count, removed.Count, saved, before - Accuracy(pruned)));
        }
        return result;

        double Accuracy(Graph g) => Evaluator.Evaluate(g, data, cancellation: context.Cancellation).Accuracy;
    }
}
