using Nabi.Compression.Pruning;
using Nabi.Models;
using Nabi.TestSuite;

namespace Nabi.Compression.Tests.Pruning;

public class LearnThresholdsTests
{
    private static readonly LearnThresholds Step = new() { Epochs = 8, Pressure = 0.1 };

    /// <summary>Equation 3: with one scale per channel the thresholded scale is sign(w) ReLU(|w| - sigmoid(s)); the shift goes with it.</summary>
    [Fact]
    public void Scales_are_soft_thresholded()
    {
        var b = new GraphBuilder("one");
        var x = b.Input("x", DType.Float32, [Shape.Unknown, 2, 1, 1]);
        Value Vector(string name, params float[] v) => b.Parameter(name, Tensor.Of([3], v));
        var y = b.Conv(x, b.Parameter("w", Tensor.Full<float>([3, 2, 1, 1], 1)));
        y = b.BatchNorm(y, Vector("scale", 0.9f, -0.7f, 0.4f), Vector("shift", 1, 2, 3), b.Constant(Tensor.Zeros(DType.Float32, [3])), b.Constant(Tensor.Full<float>([3], 1)));
        b.Output("y", b.Conv(y, b.Parameter("out", Tensor.Full<float>([2, 3, 1, 1], 1))));
        var graph = b.Build();
        ThresholdedChannels[] channels = [ThresholdedChannels.Of(ChannelGroups.Of(graph)[0])!];
        var (learning, thresholds) = ThresholdedChannels.Parameterize(graph, channels, 0);
        var applied = ThresholdedChannels.Applied(graph, learning, channels, thresholds);
        Assert.Equal([0.4f, -0.2f, 0f], applied.Parameter("scale")!.Data!.ToSingle(), (a, c) => Math.Abs(a - c) < 1e-6);
        Assert.Equal([1f, 2f, 0f], applied.Parameter("shift")!.Data!.ToSingle());
    }

    /// <summary>Behind a concatenation a normalization's scales belong to several groups, so that no single threshold can decide over them.</summary>
    [Fact]
    public void Groups_that_share_a_parameter_have_no_threshold()
    {
        var b = new GraphBuilder("dense");
        var x = b.Input("x", DType.Float32, [Shape.Unknown, 2, 1, 1]);
        Value Norm(Value y, string name) => b.BatchNorm(y, b.Parameter($"{name}.scale", Tensor.Full<float>([y.Shape[1]], 1)), b.Parameter($"{name}.shift", Tensor.Zeros(DType.Float32, [y.Shape[1]])),
            b.Constant(Tensor.Zeros(DType.Float32, [y.Shape[1]])), b.Constant(Tensor.Full<float>([y.Shape[1]], 1)));
        Value Conv(Value y, int channels, string name) => b.Conv(y, b.Parameter(name, Tensor.Full<float>([channels, y.Shape[1], 1, 1], 1)));
        var joined = Norm(b.Concat(1, Conv(x, 3, "left"), Conv(x, 4, "right")), "joined");
        b.Output("y", Conv(Norm(Conv(joined, 5, "own"), "own.norm"), 2, "out"));
        var groups = ChannelGroups.Of(b.Build());
        Assert.Equal([3, 4, 5], groups.Select(g => g.Count).Order());
        foreach (var group in groups) Assert.Equal(group.Count == 5, ThresholdedChannels.Of(group) is not null);
    }

    [Fact]
    public void Thresholds_far_below_the_scales_change_little()
    {
        var graph = TinyNet.Trained;
        var channels = ChannelGroups.Of(graph).Select(ThresholdedChannels.Of).OfType<ThresholdedChannels>().ToArray();
        var (learning, _) = ThresholdedChannels.Parameterize(graph, channels, -30);
        Assert.Equal(TinyNet.Accuracy(graph), TinyNet.Accuracy(learning), 1e-9);
    }

    /// <summary>Training sees the very channels that are removed: the pruned network computes what the trained one does.</summary>
    [Fact]
    public void What_is_removed_was_zero_while_training()
    {
        var context = TinyNet.Context;
        var cut = Step.Learn(TinyNet.Trained, context);
        var pruned = Step.Apply(TinyNet.Trained, context);
        Assert.True(pruned.ParameterCount < cut.ParameterCount, context.Notes.Lines[^1]);
        var feed = RandomFeed.For(cut, new Rng(3));
        var (expected, actual) = (Run(cut, feed), Run(pruned, feed));
        for (var i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 1e-4f);
    }

    [Fact]
    public void More_pressure_removes_more()
    {
        long Left(double pressure) => (Step with { Pressure = pressure }).Apply(TinyNet.Trained, TinyNet.Context).ParameterCount;
        Assert.True(Left(0.1) < Left(0.02));
    }

    [Fact]
    public void Networks_without_batch_normalization_are_thresholded_by_their_filters()
    {
        var graph = Zoo.Find("lenet-300-100").Create(new ModelOptions { Classes = 4, Seed = 1, Input = TinyNet.Data.Train.SampleShape });
        Assert.Equal(2, ChannelGroups.Of(graph).Select(ThresholdedChannels.Of).OfType<ThresholdedChannels>().Count());
        var pruned = (Step with { Epochs = 4, Pressure = 0.3, Rate = 0.02 }).Apply(graph, TinyNet.Context);
        Assert.True(pruned.ParameterCount < graph.ParameterCount);
    }

    private static float[] Run(Graph graph, Dictionary<string, Tensor> feed)
    {
        using var session = new Runtime.Session(graph.WithBatch(1), new Runtime.SessionOptions { Threads = 1 });
        return session.Run(feed)[graph.Outputs[0].Name].ToSingle();
    }
}
