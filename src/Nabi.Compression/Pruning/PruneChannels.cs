using Nabi.Compression.Quantization;
using Nabi.Compression.Recipes;
using Nabi.Training;

namespace Nabi.Compression.Pruning;

/// <summary>
/// Structured pruning: removes the channels a criterion finds least important, together with everything coupled to them. The result
/// is smaller and faster everywhere, without sparse kernels.
/// </summary>
public sealed record PruneChannels : CompressionStep
{
    /// <summary>The criterion: the name of a type derived from <see cref="ChannelCriterion"/> in lower case with hyphens. Default l1.</summary>
    public string Criterion { get; init; } = "l1";

    /// <summary>Part of the multiply-accumulates to keep, 0 to 1. Default 0.5; not used when <see cref="Ratio"/> is given.</summary>
    public double KeepMacs { get; init; } = 0.5;

    /// <summary>Part of the channels to remove, 0 to 1, instead of a target for the multiply-accumulates. Default none.</summary>
    public double? Ratio { get; init; }

    /// <summary><c>global</c> ranks the channels of all groups together, <c>group</c> removes the same part of each. Default global.</summary>
    public string Scope { get; init; } = "global";

    /// <summary>The largest part of one group's channels that may go, 0 to 1. Default 0.8.</summary>
    public double MaxRatio { get; init; } = 0.8;

    /// <summary>The fewest channels left in a group. Default 2.</summary>
    public int MinChannels { get; init; } = 2;

    /// <summary>Channels left are a multiple of this where possible. Default 1; 4 or 8 suits vector kernels.</summary>
    public int Multiple { get; init; } = 1;

    /// <summary>Samples for criteria that need gradients. Default 256.</summary>
    public int Samples { get; init; } = 256;

    /// <summary>Measure the statistics of batch normalizations anew on the calibration samples afterwards? Default true.</summary>
    public bool Recalibrate { get; init; } = true;

    /// <inheritdoc/>
    public override string? Fault => OutOfRange("keep-macs", KeepMacs, 0.001, 1) ?? OutOfRange("ratio", Ratio ?? 0, 0, 1)
        ?? OutOfRange("max-ratio", MaxRatio, 0, 1) ?? OutOfRange("min-channels", MinChannels, 1, 4096)
        ?? OutOfRange("multiple", Multiple, 1, 256) ?? OutOfRange("samples", Samples, 1, 1_000_000)
        ?? (Scope is "global" or "group" ? null : $"scope is '{Scope}' but must be global or group")
        ?? (Named<ChannelCriterion>.Names.Contains(Criterion) ? null
            : $"there is no criterion '{Criterion}'; there are {string.Join(", ", Named<ChannelCriterion>.Names)}");

    /// <inheritdoc/>
    public override Graph Apply(Graph graph, CompressionContext context)
    {
        var groups = ChannelGroups.Of(graph);
        if (groups.Count == 0) throw new NabiException($"model '{graph.Name}' has no channels that can be removed: all of them are tied to its inputs or outputs, or to operators that mix channels");
        var criterion = Named<ChannelCriterion>.Create(Criterion, "criterion");
        context.Report($"scoring {groups.Count} channel groups with {Criterion}");
        var scores = Scores(graph, groups, criterion, context);
        var selection = new ChannelSelection(groups, scores, criterion.IsComparable,
            new ChannelLimits { MaxRatio = MaxRatio, MinChannels = MinChannels, Multiple = Multiple });
        var perGroup = Scope == "group";
        var removed = Ratio is { } ratio ? (perGroup ? selection.PerGroup(ratio) : selection.Global(ratio))
            : selection.ForMacs(KeepMacs, perGroup);
        var pruned = groups.Prune(removed);
        Note(graph, pruned, groups, removed, context);
        return Recalibrate ? BatchNormRecalibration.Recalibrate(pruned, context.CalibrationData, batches: 20, batchSize: context.BatchSize,
            seed: context.Seed) : pruned;
    }

    /// <summary>The scores of all groups: averaged over batches for criteria that need gradients.</summary>
    internal IReadOnlyList<float[]> Scores(Graph graph, ChannelGroups groups, ChannelCriterion criterion, CompressionContext context)
    {
        var rng = context.RngFor(0x5C0);
        if (!criterion.NeedsGradients) return [.. groups.Select(g => criterion.Score(new ChannelGroupView(g, null, rng)))];
        var parameters = groups.Select(g => new ChannelGroupView(g, null, rng)).SelectMany(v => v.Makers.Concat(v.Readers))
            .Select(m => m.At.Value.Name).ToHashSet(StringComparer.Ordinal);
        var loader = CalibrationBatches.Of(graph, criterion.IsPerSample ? context with { BatchSize = 1 } : context, Samples);
        var sums = groups.Select(g => new float[g.Count]).ToArray();
        var batches = 0;
        foreach (var gradients in LossGradients.PerBatch(graph, parameters, loader, context.Threads))
        {
            context.Report("gradients for the criterion", (double)++batches / loader.Steps);
            for (var g = 0; g < sums.Length; g++)
            {
                var scores = criterion.Score(new ChannelGroupView(groups[g], gradients, rng));
                for (var c = 0; c < scores.Length; c++) sums[g][c] += scores[c] / loader.Steps;
            }
        }
        return sums;
    }

    private void Note(Graph graph, Graph pruned, ChannelGroups groups, IReadOnlyDictionary<int, IReadOnlyCollection<int>> removed,
        CompressionContext context)
    {
        var (before, after) = (ChannelSelection.Macs(graph), ChannelSelection.Macs(pruned));
        context.Notes.Add($"{Name}: {removed.Values.Sum(r => r.Count)} of {groups.Sum(g => g.Count)} channels in {groups.Count} groups removed, {before:N0} to {after:N0} MACs.");
        if (Ratio is null && after > KeepMacs * before * 1.02)
            context.Notes.Add($"{Name}: the target of {KeepMacs:P0} of the MACs was not reached; max-ratio {MaxRatio} and min-channels {MinChannels} leave {(double)after / before:P0}.");
    }
}

/// <summary>Writes <see cref="Pruning.PruneChannels"/> in recipes.</summary>
public static class PruneChannelsRecipe
{
    /// <summary>Adds structured channel pruning.</summary>
    public static Recipe PruneChannels(this Recipe recipe, Func<PruneChannels, PruneChannels>? settings = null) =>
        recipe.Then(settings?.Invoke(new PruneChannels()) ?? new PruneChannels());
}
