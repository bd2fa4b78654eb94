using System.Diagnostics;

namespace Nabi.Bench.Kernels;

/// <summary>The least time of an action, which is what a bound is measured by: nothing makes a core faster than it is.</summary>
internal static class Stopclock
{
    public static double LeastSeconds(Action action)
    {
        const double Seconds = 0.2;
        action();
        var least = double.PositiveInfinity;
        for (var total = Stopwatch.StartNew(); total.Elapsed.TotalSeconds < Seconds;)
        {
            var start = Stopwatch.GetTimestamp();
            action();
            least = Math.Min(least, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        return least;
    }
}
