using Nabi.Runtime.Tests.Planning;

namespace Nabi.Runtime.Tests;

public class ThroughputTests
{
    [Fact]
    public void StreamsRunAsOftenAsAskedOnTheClockGiven()
    {
        using var session = new Session(Small());
        var clock = new CountingClock();
        var result = Throughput.Measure(session, Feed(), streams: 3, warmup: 1, runs: 5, clock);
        Assert.Equal(3, result.Streams);
        // One reading before and after each of 15 runs, and one around all.
        Assert.Equal(32, clock.Readings);
        Assert.True(result.RunsPerSecond > 0 && result.Median > TimeSpan.Zero);
        Assert.Single(session.Run(Feed()));   // still usable
    }

    [Fact]
    public void AGraphThatTrainsHasNoStreams()
    {
        using var session = new Session(ResidualNetwork.TrainingStep(batch: 2, size: 8, width: 4));
        Assert.Contains("updates", Assert.Throws<NabiException>(() => Throughput.Measure(session, Feed(), 2, 0, 1, TimeProvider.System)).Message);
    }

    [Fact]
    public void ThePeakBoundsFloatsAndBytes()
    {
        var peak = CorePeak.Measure(TimeProvider.System);
        Assert.True(peak.GigaflopsPerSecond > 0);
        Assert.True(peak.IntegerGigaopsPerSecond is null or > 0);
        var (floats, bytes) = (new PlanStep("a", "conv"), new PlanStep("b", "qconv") { IsInteger = true });
        Assert.Equal(2 * peak.GigaflopsPerSecond, peak.Of(floats, 2));
        Assert.Equal(2 * peak.IntegerGigaopsPerSecond, peak.Of(bytes, 2));
    }

    private static Graph Small()
    {
        var b = new GraphBuilder("small");
        b.Output("y", b.Relu(b.Conv(b.Input("x", DType.Float32, [1, 3, 6, 6]), b.Parameter("w", FusionTests.Random([4, 3, 3, 3], 1)), pad: 1)));
        return b.Build();
    }

    private static Dictionary<string, Tensor> Feed() => new() { ["x"] = FusionTests.Random([1, 3, 6, 6], 7) };

    /// <summary>A millisecond passes with every look at it.</summary>
    private sealed class CountingClock : TimeProvider
    {
        private long _readings;

        public long Readings => Volatile.Read(ref _readings);

        public override long TimestampFrequency => 1000;

        public override long GetTimestamp() => Interlocked.Increment(ref _readings);
    }
}
