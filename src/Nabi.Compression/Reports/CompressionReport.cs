using Nabi.Compression.Search;

namespace Nabi.Compression.Reports;

/// <summary>Everything a report shows of a compression: plain records, ready to be written as JSON or HTML.</summary>
/// <param name="Title">The network's name.</param>
/// <param name="Created">When.</param>
/// <param name="Data">The data it was measured on.</param>
/// <param name="Seed">Seed of all chance.</param>
/// <param name="Machine">Where latency was measured.</param>
/// <param name="MaxDrop">The largest loss of accuracy allowed, in parts of all samples; null without a budget.</param>
/// <param name="Baseline">The original.</param>
/// <param name="Variants">All variants, the original first.</param>
/// <param name="Recommended">Name of the recommended variant; null when none is within the budget.</param>
/// <param name="Closest">Name of the variant that comes closest when none is within the budget.</param>
/// <param name="Layers">The original's layers against those of the recommended (else closest) variant.</param>
/// <param name="ClassNames">Names of the classes.</param>
/// <param name="ConfusionDifference">By true class, then predicted class: samples of the recommended (else closest) variant minus the
/// original's.</param>
/// <param name="Failures">Why candidates failed.</param>
/// <param name="Seconds">Time the search took.</param>
public sealed record CompressionReport(string Title, DateTimeOffset Created, string Data, ulong Seed, MachineInfo Machine, double? MaxDrop,
    Variant Baseline, IReadOnlyList<Variant> Variants, string? Recommended, string? Closest, IReadOnlyList<LayerComparison> Layers,
    IReadOnlyList<string> ClassNames, IReadOnlyList<IReadOnlyList<int>> ConfusionDifference,
    IReadOnlyList<string> Failures, double Seconds)
{
    /// <summary>The report of a budget search.</summary>
    public static CompressionReport Of(BudgetResult result, CompressionContext context, double? maxDrop)
    {
        var shown = result.Recommended ?? result.Closest ?? result.Baseline;
        var data = context.Test ?? context.Validation;
        return new CompressionReport(
            result.Baseline.Graph?.Name ?? result.Baseline.Name, context.Clock.GetUtcNow(), data.ToString(), context.Seed, MachineInfo.This, maxDrop,
            result.Baseline, result.Variants, result.Recommended?.Name, result.Closest?.Name,
            result.Baseline.Graph is { } before && shown.Graph is { } after
                ? LayerComparison.Of(LayerRow.Of(before), LayerRow.Of(after, shown.Layers)) : [],
            data.ClassNames, Difference(shown.Confusion, result.Baseline.Confusion), result.Failures, result.Seconds);
    }

    /// <summary>Element by element the first minus the second.</summary>
    public static IReadOnlyList<IReadOnlyList<int>> Difference(IReadOnlyList<IReadOnlyList<int>> left,
        IReadOnlyList<IReadOnlyList<int>> right) =>
        [.. left.Select((row, i) => (IReadOnlyList<int>)[.. row.Select((n, j) => n - right[i][j])])];
}
