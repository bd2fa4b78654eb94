namespace Nabi.Compression.Search;

/// <summary>Which of the measured variants are on the front, within the budget, and recommended.</summary>
internal static class BudgetVerdict
{
    /// <summary>Marks the variants and chooses.</summary>
    public static BudgetResult Of(Variant baseline, IReadOnlyList<Variant> variants, BudgetOptions options, IReadOnlyList<string> failures,
        CompressionContext context, double seconds)
    {
        baseline = variants.First(v => v.Name == baseline.Name);
        var front = ParetoFront.Of(variants).Select(v => v.Name).ToHashSet(StringComparer.Ordinal);
        var marked = variants.Select(v => v with
        {
            IsOnFront = front.Contains(v.Name),
            MeetsBudget = MeetsBudget(baseline, v, options),
        }).ToArray();
        var candidates = marked.Where(v => v.Name != baseline.Name).ToArray();
        var good = candidates.Where(v => v.MeetsBudget && Saves(baseline, v)).ToArray();
        var recommended = good.Where(v => v.IsOnFront).MinBy(v => Cost(baseline, v)) ?? good.MinBy(v => Cost(baseline, v));
        var closest = recommended is null ? candidates.MinBy(v => Excess(baseline, v, options)) : null;
        return new BudgetResult(marked.First(v => v.Name == baseline.Name), marked, recommended, closest, failures,
            context.Cancellation.IsCancellationRequested, seconds);
    }

    /// <summary>Is the validation accuracy at most the allowed drop below the original's?</summary>
    public static bool IsWithinDrop(Variant baseline, Variant variant, BudgetOptions options) =>
        variant.ValidationAccuracy >= baseline.ValidationAccuracy - options.MaxDrop - 1e-9;

    private static bool MeetsBudget(Variant baseline, Variant variant, BudgetOptions options) => IsWithinDrop(baseline, variant, options)
        && variant.Bytes <= (options.MaxBytes ?? long.MaxValue) && variant.Macs <= (options.MaxMacs ?? long.MaxValue)
        && variant.P50Ms <= (options.MaxLatency?.TotalMilliseconds ?? double.PositiveInfinity);

    private static bool Saves(Variant baseline, Variant v) => v.Bytes < baseline.Bytes || v.Macs < baseline.Macs || v.P50Ms < baseline.P50Ms;

    // Below zero where a variant saves: bytes, multiply-accumulates and latency weigh the same, each as the logarithm of its ratio.
    private static double Cost(Variant baseline, Variant v) =>
        Math.Log((double)v.Bytes / baseline.Bytes) + Math.Log((double)Math.Max(1, v.Macs) / Math.Max(1, baseline.Macs))
            + Math.Log(v.P50Ms / Math.Max(1e-6, baseline.P50Ms));

    // How far a variant is outside the budget: accuracy beyond the drop, and limits overrun, each relative to what is allowed.
    private static double Excess(Variant baseline, Variant v, BudgetOptions options)
    {
        static double Over(double value, double? limit) => limit is { } l && value > l ? value / l - 1 : 0;
        var drop = baseline.ValidationAccuracy - v.ValidationAccuracy - options.MaxDrop;
        return Math.Max(0, drop) / Math.Max(0.01, options.MaxDrop) + Over(v.Bytes, options.MaxBytes) + Over(v.Macs, options.MaxMacs)
            + Over(v.P50Ms, options.MaxLatency?.TotalMilliseconds);
    }
}
