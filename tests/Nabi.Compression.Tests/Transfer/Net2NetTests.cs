using Nabi.Compression.Transfer;
using Nabi.Models;
using Nabi.Ops;
using Nabi.TestSuite;
using Nabi.Training;

namespace Nabi.Compression.Tests.Transfer;

public class Net2NetTests
{
    [Fact]
    public void A_wider_network_computes_the_same_and_is_wider()
    {
        var wide = new Widen { Factor = 1.75 }.Apply(TinyNet.Trained, TinyNet.Context);
        AssertSame(TinyNet.Trained, wide);
        // Residual blocks, the depthwise convolution with its group count and the normalizations are wider.
        Assert.Equal([14, 1, 3, 3], wide.Parameter("stem.w")!.Shape.Dims.ToArray());
        Assert.Equal([14, 1, 3, 3], wide.Parameter("dw.w")!.Shape.Dims.ToArray());
        Assert.Equal(14, wide.Nodes.Select(n => n.Op).OfType<Conv>().Max(c => c.Group));
        Assert.Equal([4, 28], wide.Parameter("fc.w")!.Shape.Dims.ToArray());
        Assert.NotEqual(Evaluator.Logits(wide, TinyNet.Data.Test).ToSingle(),
            Evaluator.Logits(new Widen { Factor = 1.75, Noise = 0.05 }.Apply(TinyNet.Trained, TinyNet.Context), TinyNet.Data.Test).ToSingle());
    }

    [Theory]
    [InlineData("resnet20")]
    [InlineData("mobilenet-v2")]
    [InlineData("shufflenet-v2")]
    [InlineData("densenet121")]
    [InlineData("lenet5")]
    [InlineData("mobilenet-v3-small")]
    public void Groups_of_known_networks_widen_without_a_change(string name)
    {
        var entry = Zoo.All.First(e => e.Name.StartsWith(name, StringComparison.Ordinal));
        var graph = entry.Create(new ModelOptions { Width = 0.25, Seed = 3, Classes = 10, Input = entry.Input.Count > 3 * 96 * 96 ? [3, 32, 32] : null });
        var groups = ChannelGroups.Of(graph);
        var wide = groups.Widen(groups.ToDictionary(g => g.Index, g => (IReadOnlyList<int>)[.. Enumerable.Range(0, g.Count).Select(i => i % 3 == 0 ? 2 : 1)]));
        Assert.True(wide.ParameterCount > 1.3 * graph.ParameterCount, $"{graph.ParameterCount} to {wide.ParameterCount}");
        var feed = RandomFeed.For(graph, new Rng(5));
        var (expected, actual) = (Run(graph, feed), Run(wide, feed));
        var scale = expected.Max(Math.Abs) + 1e-6f;
        for (var i = 0; i < expected.Length; i++) Assert.Equal(expected[i] / scale, actual[i] / scale, 1e-4f);
    }

    [Fact]
    public void A_deeper_network_computes_the_same_with_normalization_set_to_undo()
    {
        var context = TinyNet.Context with { Calibration = TinyNet.Data.Train };
        var deep = new Deepen { Layers = 2 }.Apply(TinyNet.Trained, context);
        AssertSame(TinyNet.Trained, deep);
        int Count<T>(Graph graph) => graph.Nodes.Count(n => n.Op is T);
        var more = Count<Conv>(deep) - Count<Conv>(TinyNet.Trained);
        Assert.True(more >= 4);
        Assert.Equal(more, Count<BatchNormalization>(deep) - Count<BatchNormalization>(TinyNet.Trained));
        Assert.Contains("must be odd", new Deepen { Kernel = 4 }.Fault);
        Assert.Contains("is no ReLU", Assert.Throws<NabiException>(() => new Deepen { Behind = ["nothing"] }.Apply(TinyNet.Trained, context)).Message);
    }

    private static void AssertSame(Graph before, Graph after)
    {
        var (expected, actual) = (Evaluator.Logits(before, TinyNet.Data.Test).ToSingle(), Evaluator.Logits(after, TinyNet.Data.Test).ToSingle());
        for (var i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 1e-4f * Math.Max(1, Math.Abs(expected[i])));
    }

    private static float[] Run(Graph graph, Dictionary<string, Tensor> feed)
    {
        using var session = new Runtime.Session(graph.WithBatch(1), new Runtime.SessionOptions { Threads = 1 });
        return session.Run(feed)[graph.Outputs[0].Name].ToSingle();
    }
}
