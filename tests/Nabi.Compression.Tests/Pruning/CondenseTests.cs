using Nabi.Compression.Pruning;
using Nabi.Models;
using Nabi.Training;

namespace Nabi.Compression.Tests.Pruning;

public class CondenseTests
{
    // 12 features, 16 filters in 4 groups, or 16 features that 12 inputs in 4 groups update.
    private static readonly LearnedGroups ChoosesInputs = new(new WeightGroups("w", 0, 4), 12, 4);
    private static readonly LearnedGroups ChoosesOutputs = new(new WeightGroups("w", 1, 4), 16, 4);

    public static TheoryData<LearnedGroups> Both => [ChoosesInputs, ChoosesOutputs];

    [Theory]
    [MemberData(nameof(Both))]
    public void After_stage_k_exactly_k_of_C_weights_are_zero_for_whole_groups_and_the_least_ones(LearnedGroups layer)
    {
        var weights = Random(new Rng(3), 16, 12, 1, 1);
        for (var stage = 0; stage < 4; stage++)
        {
            var before = weights.Copy();
            layer.Prune(weights, stage);
            Assert.Equal(16 * 12 * stage / 4, weights.ToSingle().Count(w => w == 0));
            for (var group = 0; group < 4; group++)
            {
                var (old, now) = (Norms(before, layer, group), Norms(weights, layer, group));
                Assert.Equal(layer.Features * stage / 4, now.Count(n => n == 0));
                var least = old.Where((_, f) => now[f] > 0).Min();
                Assert.All(old.Where((_, f) => now[f] == 0), n => Assert.True(n < least));
            }
            var again = weights.Copy();
            layer.Prune(again, stage);
            Assert.Equal(weights.ToSingle(), again.ToSingle());
        }
        Assert.All(layer.Choice(weights), chosen => Assert.Equal(layer.Features / 4, chosen.Length));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(0.16, 0)]
    [InlineData(0.17, 1)]
    [InlineData(0.34, 2)]
    [InlineData(0.49, 2)]
    [InlineData(0.5, 3)]
    [InlineData(1, 3)]
    public void Condensing_takes_the_first_half_in_C_minus_1_equal_stages(double progress, int stage) => Assert.Equal(stage, ChoosesInputs.StageAt(progress));

    [Fact]
    public void A_group_that_still_reads_too_much_cannot_be_condensed()
    {
        var e = Assert.Throws<NabiException>(() => ChoosesInputs.Choice(Random(new Rng(3), 16, 12, 1, 1)));
        Assert.Contains("'w' still has weights for more than 3 of 12 features", e.Message);
    }

    [Theory]
    [InlineData("condensenet-74", 4, 2)]
    [InlineData("condensenet-v2-a", 8, 1)]
    public void A_condensed_network_computes_what_its_masked_self_does_with_the_zoos_counts(string name, int groups, int classifier)
    {
        var options = new ModelOptions { Input = [3, 32, 32], Classes = 10, Width = 0.5, Depth = 0.3, Seed = 2 };
        var learning = Shaken(Zoo.Find($"{name}-learning").Create(options));
        var layers = LearnedGroups.Of(learning, groups, groups, classifier);
        var schedule = new CondensationSchedule(layers.ToArray());
        var weights = layers.ToDictionary(l => l.Split.Weight, l => learning.Parameter(l.Split.Weight)!.Data!.Copy());
        schedule.Prune(weights, 1);
        var masked = learning.WithParameters(weights);
        var condensed = IndexLayers.Condense(masked, layers);
        AssertSame(masked, condensed);

        var (actual, expected) = (GraphSummary.Of(condensed), GraphSummary.Of(Zoo.Find(name).Create(options)));
        Assert.Equal((expected.Parameters, expected.Cost.Macs), (actual.Parameters, actual.Cost.Macs));
        foreach (var layer in layers)
        {
            var weight = condensed.Parameter(layer.Split.Weight)!.Shape;
            Assert.Equal(layer.Features / layer.Factor, layer.Split.Axis == 0 ? weight[1] : weight[0] / groups);
        }
    }

    [Fact]
    public void Channels_can_be_removed_across_learned_index_layers()
    {
        var layer = new LearnedGroups(new WeightGroups("b.w", 0, 2), 12, 3);
        var graph = Chain(layer);
        var groups = ChannelGroups.Of(graph);
        Assert.Contains(groups, g => g.Parameters.Any(p => p.At.Value.Name == "a.w"));
        var removed = groups.ToDictionary(g => g.Index, g => (IReadOnlyCollection<int>)Enumerable.Range(0, g.Count / 2).ToArray());
        var (pruned, masked) = (groups.Prune(removed), groups.Mask(removed));
        Assert.True(ChannelSelection.Macs(pruned) < ChannelSelection.Macs(graph));
        AssertSame(masked, pruned);
    }

    [Fact]
    public void Training_ends_condensed_and_as_accurate_as_its_masked_self()
    {
        var step = new Condense { Groups = 4, Factor = 4, Epochs = 10, Rate = 0.1 };
        var layers = LearnedGroups.Of(TinyNet.Build(), 4, 4, 2);
        Assert.Equal(["pw.w", "fc.w"], layers.Select(l => l.Split.Weight));
        var masked = step.Learn(TinyNet.Build(), layers, TinyNet.Context);
        var context = TinyNet.Context;
        var condensed = step.Apply(TinyNet.Build(), context);
        Assert.Equal(TinyNet.Accuracy(masked), TinyNet.Accuracy(condensed));
        Assert.True(TinyNet.Accuracy(condensed) > 0.7, $"{TinyNet.Accuracy(condensed)}");
        Assert.Equal([16, 2, 1, 1], condensed.Parameter("pw.w")!.Shape);
        Assert.Equal(8, condensed.Parameter("fc.w")!.Shape[1]);
        Assert.Contains("2 layers condensed", Assert.Single(context.Notes.Lines));
    }

    [Fact]
    public void A_reactivating_convolution_with_a_bias_adds_it_once_to_every_feature()
    {
        var (b, rng) = (new GraphBuilder("reactivation"), new Rng(6));
        var x = b.Input("x", DType.Float32, [Shape.Unknown, 16, 4, 4]);
        var weights = Random(rng, 16, 12, 1, 1);
        ChoosesOutputs.Prune(weights, 3);
        var few = b.Relu(b.Conv(x, b.Parameter("a.w", Random(rng, 12, 16, 1, 1)), null));
        var more = b.Add(x, b.Conv(few, b.Parameter("w", weights), b.Parameter("bias", Random(rng, 16))));
        b.Output("y", b.Dense(b.Flatten(more), b.Parameter("c.w", Random(rng, 3, 256)), b.Parameter("c.b", Random(rng, 3))));
        var graph = b.Build();
        var layer = Assert.Single(LearnedGroups.Of(graph, 4, 4, 1), l => l.Split.Weight == "w");
        Assert.Equal(ChoosesOutputs, layer);
        var condensed = IndexLayers.Condense(graph, [layer]);
        Assert.Equal([16, 3, 1, 1], condensed.Parameter("w")!.Shape);
        AssertSame(graph, condensed);
    }

    [Fact]
    public void A_network_without_such_layers_is_refused()
    {
        var e = Assert.Throws<NabiException>(() => new Condense { Groups = 7 }.Apply(TinyNet.Build(), TinyNet.Context));
        Assert.Contains("no 1x1 convolution", e.Message);
    }

    // Dense 3x3, normalization, a 1x1 convolution that has learned its groups, dense layer.
    private static Graph Chain(LearnedGroups layer)
    {
        var (b, rng) = (new GraphBuilder("chain"), new Rng(5));
        var x = b.Conv(b.Input("x", DType.Float32, [Shape.Unknown, 3, 6, 6]), b.Parameter("a.w", Random(rng, 12, 3, 3, 3)), null, 1, 1);
        x = b.Relu(b.BatchNorm(x, b.Parameter("scale", Random(rng, 12)), b.Parameter("shift", Random(rng, 12)),
            b.Constant(Random(rng, 12), "mean"), b.Constant(Tensor.Full<float>([12], 1), "variance")));
        var weights = Random(rng, 8, 12, 1, 1);
        layer.Prune(weights, layer.Factor - 1);
        x = b.Relu(b.Conv(x, b.Parameter("b.w", weights), b.Parameter("b.b", Random(rng, 8))));
        b.Output("y", b.Dense(b.Flatten(b.GlobalAveragePool(x)), b.Parameter("c.w", Random(rng, 5, 8)), b.Parameter("c.b", Random(rng, 5))));
        return IndexLayers.Condense(b.Build(), [layer]);
    }

    private static float[] Norms(Tensor weights, LearnedGroups layer, int group)
    {
        var (w, norms) = (weights.ToSingle(), new float[layer.Features]);
        for (var o = 0; o < 16; o++)
            for (var i = 0; i < 12; i++)
                if ((layer.Split.Axis == 0 ? o : i) % 4 == group) norms[layer.Split.Axis == 0 ? i : o] += Math.Abs(w[o * 12 + i]);
        return norms;
    }

    // Every number of every parameter is moved, so that a normalization or bias in the wrong place shows.
    private static Graph Shaken(Graph graph)
    {
        var rng = new Rng(7);
        return graph.WithParameters(graph.Parameters.Where(p => p.DType == DType.Float32).ToDictionary(p => p.Name, p =>
        {
            var data = p.Data!.Copy();
            foreach (ref var v in data.Span<float>()) v *= (float)(0.75 + 0.5 * rng.NextDouble());
            if (p.Name.EndsWith("bias", StringComparison.Ordinal) || p.Name.EndsWith("running_mean", StringComparison.Ordinal))
                foreach (ref var v in data.Span<float>()) v += (float)(0.2 * rng.NextGaussian());
            return data;
        }));
    }

    private static void AssertSame(Graph expected, Graph actual)
    {
        var rng = new Rng(9);
        var input = expected.Inputs[0];
        var feed = new Dictionary<string, Tensor> { [input.Name] = Random(rng, [.. input.Shape.With(0, 2).Dims]) };
        var (a, b) = (Run(expected, feed), Run(actual, feed));
        var scale = a.Max(Math.Abs) + 1e-6f;
        for (var i = 0; i < a.Length; i++) Assert.Equal(a[i] / scale, b[i] / scale, 1e-5f);
    }

    private static float[] Run(Graph graph, Dictionary<string, Tensor> feed)
    {
        using var session = new Runtime.Session(graph.WithBatch(2), new Runtime.SessionOptions { Threads = 1 });
        return session.Run(feed)[graph.Outputs[0].Name].ToSingle();
    }

    private static Tensor Random(Rng rng, params int[] dims)
    {
        var tensor = Tensor.Empty(DType.Float32, Shape.Create(dims));
        foreach (ref var x in tensor.Span<float>()) x = (float)rng.NextGaussian();
        return tensor;
    }
}
