namespace Nabi.Compression.Search;

/// <summary>Which variants no other one beats.</summary>
public static class ParetoFront
{
    /// <summary>Latencies this close are taken as equal: measurements vary as much.</summary>
    private const double LatencyTolerance = 1.03;

    /// <summary>The variants that no other beats in accuracy, bytes, multiply-accumulates and latency together, in their order.</summary>
    public static IReadOnlyList<Variant> Of(IReadOnlyList<Variant> variants) =>
        [.. variants.Where(v => !variants.Any(other => other != v && Dominates(other, v)))];

    /// <summary>Is one variant at least as good in everything, and better in something?</summary>
    public static bool Dominates(Variant better, Variant worse)
    {
        if (better.ValidationAccuracy < worse.ValidationAccuracy || better.Bytes > worse.Bytes || better.Macs > worse.Macs
            || better.P50Ms > worse.P50Ms * LatencyTolerance) return false;
        return better.ValidationAccuracy > worse.ValidationAccuracy || better.Bytes < worse.Bytes || better.Macs < worse.Macs
            || better.P50Ms * LatencyTolerance < worse.P50Ms;
    }
}
