using System.Globalization;
using System.Text;

namespace Nabi.Runtime;

/// <summary>The measured time of one step.</summary>
/// <param name="Step">The step.</param>
/// <param name="Median">Its median time.</param>
public sealed record StepProfile(PlanStep Step, TimeSpan Median)
{
    /// <summary>10^9 floating-point operations (2 per multiply-accumulate) per second; 0 for steps without multiply-accumulates.</summary>
    public double GigaflopsPerSecond => Median > TimeSpan.Zero ? 2.0 * Step.Macs / Median.TotalSeconds / 1e9 : 0;

    /// <summary>10^9 bytes read and written per second.</summary>
    public double GigabytesPerSecond => Median > TimeSpan.Zero ? Step.BytesMoved / Median.TotalSeconds / 1e9 : 0;
}

/// <summary>Where the time of a run goes, step by step.</summary>
/// <param name="Steps">In the order they run.</param>
/// <param name="Threads">Threads used.</param>
/// <param name="Runs">Runs the medians are taken over.</param>
public sealed record SessionProfile(IReadOnlyList<StepProfile> Steps, int Threads, int Runs)
{
    /// <summary>The sum of the steps' medians.</summary>
    public TimeSpan Total => Steps.Aggregate(TimeSpan.Zero, (sum, s) => sum + s.Median);

    /// <summary>10^9 floating-point operations (2 per multiply-accumulate) per second over the whole run.</summary>
    public double GigaflopsPerSecond => Total > TimeSpan.Zero ? Steps.Sum(s => 2.0 * s.Step.Macs) / Total.TotalSeconds / 1e9 : 0;

    /// <summary>One line per step, then the total.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (var step in Steps)
            text.AppendLine(CultureInfo.InvariantCulture, $"{step.Median.TotalMicroseconds,10:F1} us {step.GigaflopsPerSecond,8:F1} GFLOP/s {step.GigabytesPerSecond,7:F1} GB/s  {step.Step}");
        text.AppendLine(CultureInfo.InvariantCulture, $"{Total.TotalMicroseconds,10:F1} us {GigaflopsPerSecond,8:F1} GFLOP/s on {Threads} threads, median of {Runs} runs");
        return text.ToString();
    }

    internal static SessionProfile Of(Plan plan, long[][] ticks, TimeProvider clock, int threads)
    {
        var steps = new StepProfile[ticks.Length];
        for (var i = 0; i < steps.Length; i++)
        {
            Array.Sort(ticks[i]);
            steps[i] = new StepProfile(plan.Steps[i], TimeSpan.FromSeconds((double)ticks[i][ticks[i].Length / 2] / clock.TimestampFrequency));
        }
        return new SessionProfile(steps, threads, ticks.Length == 0 ? 0 : ticks[0].Length);
    }
}
