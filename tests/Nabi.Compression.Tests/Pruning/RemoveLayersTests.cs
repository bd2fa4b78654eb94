using Nabi.Compression.Pruning;
using Nabi.Models;
using Nabi.Ops;
using Nabi.TestSuite;

namespace Nabi.Compression.Tests.Pruning;

public class RemoveLayersTests
{
    private static readonly ModelOptions Small = new() { Seed = 3, Classes = 10, Input = [3, 32, 32], Width = 0.5 };

    [Theory]
    [InlineData("resnet20", 7)]
    [InlineData("mobilenet-v2", 10)]
    [InlineData("mobilenet-v3-small", 7)]
    [InlineData("efficientnet-b0", 9)]
    public void Every_block_whose_shapes_agree_is_found_and_can_go(string name, int blocks)
    {
        var graph = Zoo.Find(name).Create(Small);
        var layers = RemovableLayer.Of(graph);
        Assert.Equal(blocks, layers.Count(l => l.Output.Producer!.Op is Add));
        foreach (var layer in layers) Assert.True(ChannelSelection.Macs(layer.RemoveFrom(graph)) < ChannelSelection.Macs(graph), layer.Name);
    }

    /// <summary>A branch whose last normalization gives zero adds nothing: leaving it out changes nothing.</summary>
    [Theory]
    [InlineData("resnet20")]
    [InlineData("mobilenet-v2")]
    [InlineData("mobilenet-v3-small")]
    [InlineData("deit-tiny")]
    public void The_rest_computes_what_the_masked_network_does(string name)
    {
        var graph = Zoo.Find(name).Create(Small with { Input = name == "deit-tiny" ? null : Small.Input });
        var rng = new Rng(4);
        var feed = RandomFeed.For(graph, rng);
        foreach (var layer in RemovableLayer.Of(graph).Where(l => l.Output.Producer!.Op is Add).Take(3))
        {
            var branch = layer.Output.Producer!.Inputs.Single(v => v != layer.Input)!;
            var (expected, actual) = (Run(WithZeros(graph, branch), feed), Run(layer.RemoveFrom(graph), feed));
            var scale = expected.Max(Math.Abs) + 1e-6f;
            for (var i = 0; i < expected.Length; i++) Assert.Equal(expected[i] / scale, actual[i] / scale, 1e-4f);
        }
    }

    [Fact]
    public void A_block_that_does_nothing_is_most_alike_and_goes_first()
    {
        var graph = Zoo.Find("resnet20").Create(new ModelOptions { Seed = 3, Classes = 4, Input = TinyNet.Data.Train.SampleShape, Width = 0.25 });
        var idle = RemovableLayer.Of(graph)[4];
        var masked = WithZeros(graph, idle.Output.Producer!.Inputs.Single(v => v != idle.Input)!);
        var context = TinyNet.Context;
        new RemoveLayers { By = "similarity", Samples = 64 }.Apply(masked, context);
        Assert.Contains(context.Notes.Lines, l => l.Contains($"({idle.Name})", StringComparison.Ordinal));
    }

    [Fact]
    public void The_loss_decides_which_blocks_go_and_when_to_stop()
    {
        var graph = TinyNet.Trained;
        var shorter = new RemoveLayers { Samples = 128 }.Apply(graph, TinyNet.Context);
        Assert.True(ChannelSelection.Macs(shorter) < ChannelSelection.Macs(graph));
        var context = TinyNet.Context;
        Assert.Same(graph, new RemoveLayers { Samples = 128, MaxRise = 1e-6 }.Apply(graph, context));
    }

    [Fact]
    public void Cosines_are_between_the_channels_of_a_position()
    {
        var a = Tensor.Of([1, 2, 1, 2], 1f, 3f, 0f, 4f);
        var b = Tensor.Of([1, 2, 1, 2], 0f, 3f, 2f, 4f);
        Assert.Equal(0.5, RemoveLayers.Cosine(a, b), 1e-6);
    }

    [Fact]
    public void A_network_without_such_blocks_is_refused()
    {
        var graph = Zoo.Find("lenet-300-100").Create(new ModelOptions { Classes = 4, Input = TinyNet.Data.Train.SampleShape });
        Assert.Contains("none can be left out", Assert.Throws<NabiException>(() => new RemoveLayers().Apply(graph, TinyNet.Context)).Message, StringComparison.Ordinal);
    }

    private static Graph WithZeros(Graph graph, Value branch) => graph.Rewrite((node, r) =>
        node.Outputs.Contains(branch) ? [r.Builder.Mul(r.With(node, node.Op)[0], 0.0)] : null);

    private static float[] Run(Graph graph, Dictionary<string, Tensor> feed)
    {
        using var session = new Runtime.Session(graph.WithBatch(1), new Runtime.SessionOptions { Threads = 1 });
        return session.Run(feed)[graph.Outputs[0].Name].ToSingle();
    }
}
