using System.Diagnostics;

namespace Nabi.Bench.Kernels;

/// <summary>Median time of an action: warmed up, then repeated for a fixed span.</summary>
internal static class Stopclock
{
    public static double MedianSeconds(Action action, double seconds = 0.3)
    {
        var warm = Stopwatch.StartNew();
        do
            action();
        while (warm.Elapsed.TotalSeconds < seconds / 2);
        var samples = new List<double>();
        var total = Stopwatch.StartNew();
        while (total.Elapsed.TotalSeconds < seconds || samples.Count < 5)
        {
            var start = Stopwatch.GetTimestamp();
            action();
            samples.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        samples.Sort();
        return samples[samples.Count / 2];
    }
}
