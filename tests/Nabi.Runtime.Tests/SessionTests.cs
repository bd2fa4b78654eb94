using Nabi.Ops;
using Nabi.Runtime.Tests.Planning;

namespace Nabi.Runtime.Tests;

public class SessionTests
{
    [Fact]
    public void RunIntoGivenTensorsAllocatesNothing()
    {
        var graph = ResidualNetwork.TrainingStep(batch: 4, size: 8, width: 4);
        using var session = new Session(graph, new SessionOptions { Threads = 2 });
        var feed = ResidualNetwork.Feed(graph, 1);
        var inputs = graph.Inputs.Select(i => feed[i.Name]).ToArray();
        var outputs = session.OutputsFor(inputs);
        for (var i = 0; i < 3; i++) session.Run(inputs, outputs);
        var before = GC.GetAllocatedBytesForCurrentThread();
        session.Run(inputs, outputs);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void SharedSessionsUseTheSameWeightsAtOnceWhicheverIsDisposedFirst()
    {
        var b = new GraphBuilder("shared");
        var x = b.Input("x", DType.Float32, [Shape.Unknown, 3, 6, 6]);
        var w = b.Parameter("w", FusionTests.Random([8, 3, 3, 3], 1));
        b.Output("y", b.Relu(b.Conv(x, w, pad: 1)));
        var graph = b.Build();
        var feed = new Dictionary<string, Tensor> { ["x"] = FusionTests.Random([2, 3, 6, 6], 7) };
        var first = new Session(graph, new SessionOptions { Threads = 1 });
        var expected = first.Run(feed)["y"].ToSingle();
        using var second = first.Share();
        w.Data!.Span<float>().Clear();   // who packed anew would see it
        var runs = Enumerable.Range(0, 40).AsParallel().Select(i => (i % 2 == 0 ? first : second).Run(feed)["y"].ToSingle()).ToArray();
        Assert.All(runs, y => Assert.Equal(expected, y));
        first.Dispose();
        Assert.Equal(expected, second.Run(feed)["y"].ToSingle());
        var one = new Dictionary<string, Tensor> { ["x"] = FusionTests.Random([1, 3, 6, 6], 8) };
        Assert.All(second.Run(one)["y"].ToSingle(), y => Assert.Equal(0, y));   // nobody is left to lend: packed for this shape
    }

    [Fact]
    public void ASessionThatTrainsIsNotShared()
    {
        using var session = new Session(ResidualNetwork.TrainingStep(batch: 2, size: 8, width: 4));
        Assert.Contains("updates", Assert.Throws<NabiException>(() => session.Share()).Message);
    }

    [Fact]
    public void EveryBatchSizeGetsItsPlan()
    {
        var b = new GraphBuilder("symbolic");
        var x = b.Input("x", DType.Float32, [Shape.Unknown, 3, 6, 6]);
        var y = b.Conv(x, b.Parameter("w", FusionTests.Random([4, 3, 3, 3], 1)), pad: 1);
        b.Output("y", b.Dense(b.Apply(new Flatten(), b.Relu(y)), b.Parameter("d", FusionTests.Random([5, 144], 2))));
        var graph = b.Build();
        using var session = new Session(graph);
        Assert.Null(session.Plan);
        foreach (var batch in (int[])[1, 3, 2, 3])
        {
            var feed = new Dictionary<string, Tensor> { ["x"] = FusionTests.Random([batch, 3, 6, 6], 7) };
            Outcome.AssertSame(ReferenceEvaluator.Run(graph, feed), session.Run(feed), 1e-5);
            Assert.Equal(batch, session.Plan!.Graph.Inputs[0].Shape[0]);
        }
    }

    [Fact]
    public void ShapesThatDependOnDataAreEvaluatedNodeByNode()
    {
        var b = new GraphBuilder("nonzero");
        var x = b.Input("x", DType.Float32, [6]);
        b.Output("y", b.Apply(new NonZero(), x));
        var graph = b.Build();
        using var session = new Session(graph);
        var feed = new Dictionary<string, Tensor> { ["x"] = Tensor.Vector(0f, 3f, 0f, 0f, 1f, 2f) };
        Outcome.AssertSame(ReferenceEvaluator.Run(graph, feed), session.Run(feed), 0);
        Assert.Null(session.Plan);
    }

    [Fact]
    public void SameThreadsSameBits()
    {
        var runs = Enumerable.Range(0, 2).Select(_ =>
        {
            var graph = ResidualNetwork.TrainingStep(batch: 8, size: 16, width: 16);
            using var session = new Session(graph, new SessionOptions { Threads = 2 });
            for (var i = 0; i < 2; i++) session.Run(ResidualNetwork.Feed(graph, 5));
            return graph.Parameters.Where(p => p.IsUpdated).Select(p => Convert.ToHexString(p.Data!.Bytes)).ToArray();
        }).ToArray();
        Assert.Equal(runs[0], runs[1]);
    }

    [Fact]
    public void ParametersChangedOutsideCountAfterReload()
    {
        var b = new GraphBuilder("dense");
        var w = b.Parameter("w", Tensor.Full<float>([2, 3], 1));
        b.Output("y", b.Dense(b.Input("x", DType.Float32, [1, 3]), w));
        using var session = new Session(b.Build());
        var feed = new Dictionary<string, Tensor> { ["x"] = Tensor.Full<float>([1, 3], 1) };
        Assert.Equal([3f, 3f], session.Run(feed)["y"].ToSingle());
        w.Data!.Span<float>().Fill(2);
        session.ReloadParameters();
        Assert.Equal([6f, 6f], session.Run(feed)["y"].ToSingle());
    }

    [Fact]
    public void ParametersCanTradePlaces()
    {
        var b = new GraphBuilder("swap");
        var (p, q) = (b.Parameter("p", Tensor.Scalar(1f)), b.Parameter("q", Tensor.Scalar(2f)));
        b.Output("sum", b.Add(b.Input("x", DType.Float32, Shape.Scalar), b.Sub(p, q)));
        b.Update(p, q);
        b.Update(q, p);
        using var session = new Session(b.Build());
        var feed = new Dictionary<string, Tensor> { ["x"] = Tensor.Scalar(0f) };
        Assert.Equal(-1, session.Run(feed)["sum"].Item());
        Assert.Equal(1, session.Run(feed)["sum"].Item());
    }

    [Fact]
    public void MissingAndUnfitInputsAreNamed()
    {
        var b = new GraphBuilder("named");
        b.Output("y", b.Relu(b.Input("picture", DType.Float32, [2])));
        using var session = new Session(b.Build());
        Assert.Contains("'picture'", Assert.Throws<NabiException>(() => session.Run(new Dictionary<string, Tensor>())).Message, StringComparison.Ordinal);
        Assert.Contains("'picture'", Assert.Throws<NabiException>(() => session.Run(new Dictionary<string, Tensor> { ["picture"] = Tensor.Zeros(DType.Int8, [2]) })).Message, StringComparison.Ordinal);
        Assert.Throws<NabiException>(() => new Session(b.Build(), new SessionOptions { Threads = 0 }));
    }

    [Fact]
    public void ReferenceOptionRunsNoKernel()
    {
        var graph = ResidualNetwork.TrainingStep(batch: 2, size: 8, width: 4);
        using var session = new Session(graph, new SessionOptions { Reference = true });
        Assert.All(session.Plan!.Steps, s => Assert.True(s.IsReference || s.Kernel == "copy"));
        session.Run(ResidualNetwork.Feed(graph, 1));
    }

    [Fact]
    public void ProfileAndLatencyCountWithTheClockGiven()
    {
        var graph = ResidualNetwork.TrainingStep(batch: 2, size: 8, width: 4);
        using var session = new Session(graph, new SessionOptions { Threads = 1 });
        var clock = new SteppingClock();
        var profile = session.Profile(ResidualNetwork.Feed(graph, 1), 3, clock);
        Assert.Equal(session.Plan!.Steps.Count, profile.Steps.Count);
        Assert.All(profile.Steps, s => Assert.Equal(TimeSpan.FromMilliseconds(1), s.Median));
        var latency = Latency.Measure(session, ResidualNetwork.Feed(graph, 1), warmup: 1, runs: 4, clock);
        Assert.Equal((TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(1), 4, 1), (latency.Median, latency.P95, latency.Runs, latency.Threads));
        Assert.NotEmpty(latency.Processor);
    }

    /// <summary>A millisecond passes with every look at it.</summary>
    private sealed class SteppingClock : TimeProvider
    {
        private long _now;

        public override long TimestampFrequency => 1000;

        public override long GetTimestamp() => ++_now;
    }
}
