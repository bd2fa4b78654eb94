using Nabi.Compression.Pruning;
using Nabi.Models;
using Nabi.TestSuite;

namespace Nabi.Compression.Tests.Pruning;

public class ZooPruningTests
{
    // All but the linear classifier, which has nothing between its input and its output.
    public static TheoryData<string> Networks => [.. Zoo.All.Select(e => e.Name).Where(n => n != "linear")];

    /// <summary>Networks whose channels hang together so much that less can go, with the part of the MACs that may stay and the reason.</summary>
    private static readonly Dictionary<string, (double Share, string Reason)> Entangled = new()
    {
        ["condensenet-v2-a"] = (0.92, "group convolutions lose as many inputs in each group, and shuffles between groups of 8 tie channels i and i + 8: a layer of 64 filters or less is one channel"),
        ["mobile-former-26m"] = (0.85, "1x1 convolutions in four groups lose as many inputs in each, and shuffles between them tie channels of all groups: narrow layers are one channel"),
    };

    [Theory]
    [MemberData(nameof(Networks))]
    public void A_network_of_the_zoo_loses_channels_and_computes_what_its_masked_self_does(string name)
    {
        var entry = Zoo.Find(name);
        var graph = entry.Create(new ModelOptions { Width = 0.5, Seed = 3, Classes = 10, Input = entry.Input.Count > 3 * 96 * 96 ? [3, 64, 64] : null });
        var groups = ChannelGroups.Of(graph);
        Assert.NotEmpty(groups);
        var rng = new Rng(9);
        var removed = new Dictionary<int, IReadOnlyCollection<int>>();
        foreach (var group in groups)
        {
            var order = Enumerable.Range(0, group.Count).ToArray();
            rng.Shuffle(order.AsSpan());
            removed[group.Index] = order[..(group.Count / 2)];
        }
        var (pruned, masked) = (groups.Prune(removed), groups.Mask(removed));
        var share = Entangled.TryGetValue(name, out var entangled) ? entangled.Share : 0.6;
        Assert.True(ChannelSelection.Macs(pruned) < share * ChannelSelection.Macs(graph), $"{ChannelSelection.Macs(pruned)} of {ChannelSelection.Macs(graph)}");
        var feed = RandomFeed.For(graph, rng);
        var expected = Run(masked, feed);
        var actual = Run(pruned, feed);
        var scale = expected.Max(Math.Abs) + 1e-6f;
        for (var i = 0; i < expected.Length; i++) Assert.Equal(expected[i] / scale, actual[i] / scale, 1e-4f);
    }

    /// <summary>Learned thresholds: where half of the scales of every group lie below its threshold, what is left computes what the cut network does.</summary>
    [Theory]
    [InlineData("resnet20")]
    [InlineData("densenet121")]
    [InlineData("shufflenet-v2-1.0")]
    [InlineData("mobilenet-v2")]
    [InlineData("mobilenet-v3-small")]
    [InlineData("deit-tiny")]
    public void Channels_below_a_threshold_can_go(string name)
    {
        var entry = Zoo.Find(name);
        var graph = entry.Create(new ModelOptions { Width = 0.5, Seed = 3, Classes = 10, Input = entry.Input.Count > 3 * 96 * 96 ? [3, 64, 64] : null });
        ThresholdedChannels[] channels = [.. ChannelGroups.Of(graph).Select(ThresholdedChannels.Of).OfType<ThresholdedChannels>()];
        Assert.NotEmpty(channels);
        var small = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        foreach (var slice in channels.SelectMany(c => c.Decisive))
        {
            var tensor = slice.At.Value.Data!.Copy();
            for (var c = 0; c < slice.Elements.Count; c += 2)
                foreach (var element in slice.Elements[c]) tensor.ClearSlice(slice.At.Axis, element);
            small[slice.At.Value.Name] = tensor;
        }
        var shrunk = graph.WithParameters(small);
        channels = [.. ChannelGroups.Of(shrunk).Select(ThresholdedChannels.Of).OfType<ThresholdedChannels>()];
        var (learning, thresholds) = ThresholdedChannels.Parameterize(shrunk, channels, -8);
        var cut = ThresholdedChannels.Applied(shrunk, learning, channels, thresholds);
        var pruned = LearnThresholds.Remove(cut, 0.9);
        Assert.True(pruned.ParameterCount < 0.9 * graph.ParameterCount, $"{pruned.ParameterCount} of {graph.ParameterCount}");
        var feed = RandomFeed.For(graph, new Rng(5));
        var (expected, actual) = (Run(cut, feed), Run(pruned, feed));
        var scale = expected.Max(Math.Abs) + 1e-6f;
        for (var i = 0; i < expected.Length; i++) Assert.Equal(expected[i] / scale, actual[i] / scale, 1e-4f);
    }

    private static float[] Run(Graph graph, Dictionary<string, Tensor> feed)
    {
        using var session = new Runtime.Session(graph.WithBatch(1), new Runtime.SessionOptions { Threads = 1 });
        return session.Run(feed)[graph.Outputs[0].Name].ToSingle();
    }
}
