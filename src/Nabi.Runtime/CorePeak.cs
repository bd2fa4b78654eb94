using Nabi.Runtime.Emit;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime;

/// <summary>What one core of this machine can do at most, as measured: multiply-adds in registers, without memory. The bound that kernels are held against.</summary>
/// <param name="GigaflopsPerSecond">10^9 float operations per second, two per multiply-add, on the widest registers in use.</param>
/// <param name="IntegerGigaopsPerSecond">10^9 operations of 8-bit dot products per second; null where no kernels are emitted for them.</param>
public sealed record CorePeak(double GigaflopsPerSecond, double? IntegerGigaopsPerSecond)
{
    private const int Repetitions = 30;

    /// <summary>Measures for some hundredths of a second; the fastest run counts, since nothing makes a core faster than it is.</summary>
    public static unsafe CorePeak Measure(TimeProvider clock)
    {
        var kernel = default(PeakKernel);
        var floats = PeakKernel.Operations / Least(clock, () => Simd.Run(ref kernel, 0, 1)) / 1e9;
        if (ByteTiles.Current is not { } tiles) return new CorePeak(floats, null);
        using var code = new CodeMemory(ByteTileEmitter.EmitPeak(tiles.Registers));
        var loop = (delegate* unmanaged<long, void>)code.Start;
        var bytes = tiles.Registers == VectorForm.Zmm ? 64 : 32;
        return new CorePeak(floats, 2.0 * bytes * ByteTileEmitter.PeakChains * PeakKernel.Rounds / Least(clock, () => loop(PeakKernel.Rounds)) / 1e9);
    }

    /// <summary>The bound of a step on so many threads, in 10^9 operations per second; null where it is not known.</summary>
    public double? Of(PlanStep step, int threads) => step.IsInteger ? threads * IntegerGigaopsPerSecond : threads * GigaflopsPerSecond;

    private static double Least(TimeProvider clock, Action action)
    {
        var least = TimeSpan.MaxValue;
        for (var i = 0; i <= Repetitions; i++)
        {
            var start = clock.GetTimestamp();
            action();
            var time = clock.GetElapsedTime(start);
            if (time > TimeSpan.Zero && time < least) least = time;
        }
        return least.TotalSeconds;
    }
}
