using Nabi.Runtime.Tests.Planning;

namespace Nabi.Runtime.Tests;

public class KernelChoicesTests
{
    private static readonly SessionOptions OneThread = new() { Threads = 1 };

    [Fact]
    public void A_session_follows_the_choices_it_is_given()
    {
        var (choices, measured) = KernelChoices.None.Measure(Network(), OneThread, new SteppingClock());
        var shape = Assert.Single(measured);
        Assert.Equal("conv 3x3 1x12x12x32 -> 12x12x48", shape.Shape);
        Assert.Equal(["direct", "winograd2", "winograd4"], shape.Kernels.Select(k => k.Kernel).Order(StringComparer.Ordinal));
        // Time passes more slowly from run to run: what is measured last is fastest, and that is not the usual kernel.
        Assert.NotEqual(shape.Usual, shape.Kernels[0].Kernel);
        using var usual = new Session(Network(), OneThread);
        using var tuned = new Session(Network(), OneThread with { Choices = choices });
        Assert.StartsWith($"conv.{shape.Usual}", usual.Plan!.Steps.Single(s => s.Macs > 0).Kernel, StringComparison.Ordinal);
        Assert.StartsWith($"conv.{shape.Kernels[0].Kernel}", tuned.Plan!.Steps.Single(s => s.Macs > 0).Kernel, StringComparison.Ordinal);
        var feed = new Dictionary<string, Tensor> { ["x"] = FusionTests.Random([1, 32, 12, 12], 3) };
        var (a, b) = (usual.Run(feed)["y"].ToSingle(), tuned.Run(feed)["y"].ToSingle());
        var largest = a.Max(Math.Abs);
        for (var i = 0; i < a.Length; i++) Assert.True(Math.Abs(a[i] - b[i]) <= 1e-5 * largest);
    }

    [Fact]
    public void What_is_known_is_not_measured_again_and_other_numbers_of_threads_are_apart()
    {
        var (choices, _) = KernelChoices.None.Measure(Network(), OneThread, new SteppingClock());
        Assert.Empty(choices.Measure(Network(), OneThread, new SteppingClock()).Measured);
        var (both, more) = choices.Measure(Network(), new SessionOptions { Threads = 2 }, new SteppingClock());
        Assert.Single(more);
        Assert.Equal(2, both.Count);
    }

    [Fact]
    public void Choices_survive_their_file()
    {
        var path = Path.Combine(Path.GetTempPath(), $"nabi-{Guid.NewGuid():N}.json");
        try
        {
            KernelChoices.None.Measure(Network(), OneThread, new SteppingClock()).Choices.Write(path);
            Assert.Empty(KernelChoices.Read(path).Measure(Network(), OneThread, new SteppingClock()).Measured);
            foreach (var damaged in (string[])["", "[]", "{}", "{\"version\":1}", "{\"version\":2,\"machines\":{}}", "{\"version\":1,\"machines\":{\"m\":null}}", "{\"version\":1,\"machines\":{\"m\":{\"s\":3}}}"])
            {
                File.WriteAllText(path, damaged);
                Assert.Contains(path, Assert.Throws<NabiException>(() => KernelChoices.Read(path)).Message);
            }
        }
        finally
        {
            File.Delete(path);
        }
        Assert.Contains(path, Assert.Throws<NabiException>(() => KernelChoices.Read(path)).Message);
    }

    [Fact]
    public void A_kernel_that_is_not_known_here_means_the_usual_one()
    {
        var path = Path.Combine(Path.GetTempPath(), $"nabi-{Guid.NewGuid():N}.json");
        try
        {
            KernelChoices.None.Measure(Network(), OneThread, new SteppingClock()).Choices.Write(path);
            File.WriteAllText(path, File.ReadAllText(path).Replace("winograd", "fft", StringComparison.Ordinal).Replace("\"direct\"", "\"fft\"", StringComparison.Ordinal));
            using var usual = new Session(Network(), OneThread);
            using var session = new Session(Network(), OneThread with { Choices = KernelChoices.Read(path) });
            Assert.Equal(usual.Plan!.Steps.Select(s => s.Kernel), session.Plan!.Steps.Select(s => s.Kernel));
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static Graph Network()
    {
        var b = new GraphBuilder("one");
        b.Output("y", b.Relu(b.Conv(b.Input("x", DType.Float32, [1, 32, 12, 12]), b.Parameter("w", FusionTests.Random([48, 32, 3, 3], 1)), pad: 1)));
        return b.Build();
    }

    /// <summary>Each look at it takes less time than the one before.</summary>
    private sealed class SteppingClock : TimeProvider
    {
        private long _now;
        private long _step = 1L << 40;

        public override long TimestampFrequency => 1L << 40;

        public override long GetTimestamp() => _now += _step = _step * 99 / 100;
    }
}
