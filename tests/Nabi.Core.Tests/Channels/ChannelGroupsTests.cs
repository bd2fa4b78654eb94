using Nabi.Ops;

namespace Nabi.Core.Tests.Channels;

public class ChannelGroupsTests
{
    [Fact]
    public void Residual_adds_tie_the_layers_on_both_sides()
    {
        var graph = Build([4], (b, x, n) =>
        {
            var h = n.Dense(x, 6, "stem");
            var y = b.Add(h, n.Dense(b.Relu(n.Dense(h, 5, "inner")), 6, "outer"));
            return n.Dense(b.Relu(y), 3, "head");
        });
        var groups = ChannelGroups.Of(graph);
        Assert.Equal(["stem.w", "inner.w"], groups.Select(g => g.Name));
        Assert.Equal(["stem.w[1]", "outer.w[1]"], groups[0].Parameters.Where(p => p.Role == SliceRole.Output).Select(p => p.ToString()));
        Assert.Equal(["inner.w[0]", "head.w[0]"], groups[0].Parameters.Where(p => p.Role == SliceRole.Input).Select(p => p.ToString()));
        PruningAssert.PrunedEqualsMasked(graph, groups);
    }

    [Fact]
    public void The_output_layer_is_fixed()
    {
        var graph = Build([4], (b, x, n) => n.Dense(x, 3, "only"));
        Assert.Empty(ChannelGroups.Of(graph));
    }

    [Fact]
    public void A_flattened_map_goes_in_blocks()
    {
        var graph = Build([5, 4], (b, x, n) =>
        {
            var h = b.Relu(b.Transpose(n.Dense(b.Transpose(x, 0, 2, 1), 6, "mix"), 0, 2, 1));
            // The second axis of the map mixes with nothing but itself, so only the first may go.
            h = b.MatMul(h, n.Weight("right", 4, 4));
            return n.Dense(b.Apply(new Reshape(), h, b.Integers(0, -1)), 3, "head");
        });
        var group = ChannelGroups.Of(graph).Single(g => g.Name == "mix.w");
        var head = group.Parameters.Single(p => p.At.Value.Name == "head.w");
        Assert.Equal(4, head.Block);
        Assert.Equal([4, 5, 6, 7], head.Elements[1]);
        PruningAssert.PrunedEqualsMasked(graph, ChannelGroups.Of(graph));
    }

    [Fact]
    public void A_shuffle_keeps_as_many_channels_free_as_there_are_per_group()
    {
        var graph = Build([4], (b, x, n) =>
        {
            var h = n.Dense(x, 8, "first");
            h = b.Apply(new Reshape(), h, b.Integers(0, 2, 4));
            h = b.Apply(new Reshape(), b.Transpose(h, 0, 2, 1), b.Integers(0, 8));
            return n.Dense(b.Relu(h), 3, "second");
        });
        var group = Assert.Single(ChannelGroups.Of(graph));
        Assert.Equal(4, group.Count);
        Assert.Equal([1, 5], group.Parameters.First(p => p.At.Value.Name == "first.w").Elements[1]);
        Assert.Equal([2, 3], group.Parameters.First(p => p.At.Value.Name == "second.w").Elements[1]);
        PruningAssert.PrunedEqualsMasked(graph, ChannelGroups.Of(graph));
    }

    [Fact]
    public void Attention_goes_by_heads()
    {
        const int Heads = 4, Width = 3;
        var graph = Attention(Heads, Width);
        var group = Assert.Single(ChannelGroups.Of(graph));
        Assert.Equal(Heads, group.Count);
        Assert.All(["q.w", "k.w", "v.w", "out.w"], name => Assert.Equal(Width, group.Parameters.Single(p => p.At.Value.Name == name).Block));
        PruningAssert.PrunedEqualsMasked(graph, ChannelGroups.Of(graph));
    }

    // A feature that queries and keys share adds nothing to their product when it is zero; one of the values is a feature of the result.
    [Fact]
    public void Attention_with_few_heads_goes_by_their_features()
    {
        const int Heads = 3, Width = 4;
        var graph = Attention(Heads, Width);
        var groups = ChannelGroups.Of(graph);
        Assert.Equal(["q.w k.w q.b k.b", "v.w v.b out.w"], groups.Select(g => string.Join(' ', g.Parameters.OrderBy(p => p.Role != SliceRole.Output).ThenBy(p => p.Role).Select(p => p.At.Value.Name))));
        Assert.All(groups, g => Assert.Equal(Width, g.Count));
        PruningAssert.PrunedEqualsMasked(graph, groups);
    }

    // The exponential of a feature that was set to zero is one: over such features the product is not exact without it.
    [Fact]
    public void Features_that_are_not_zero_when_masked_stay()
    {
        var graph = Build([5, 8], (b, x, n) =>
        {
            var kernel = b.MatMul(b.Exp(n.Dense(x, 4, "q")), b.Transpose(b.Exp(n.Dense(x, 4, "k")), 0, 2, 1));
            return n.Dense(b.MatMul(kernel, n.Dense(x, 4, "v")), 8, "out");
        });
        var groups = ChannelGroups.Of(graph);
        Assert.Equal("v.w", Assert.Single(groups).Name);
        PruningAssert.PrunedEqualsMasked(graph, groups);
    }

    [Fact]
    public void Features_that_are_normalized_stay()
    {
        var graph = Build([5, 8], (b, x, n) =>
        {
            var normal = b.Apply(new LayerNormalization(), n.Dense(x, 6, "in"), n.Weight("scale", 6), n.Weight("bias", 6));
            return n.Dense(n.Dense(normal, 4, "hidden"), 8, "out");
        });
        var groups = ChannelGroups.Of(graph);
        Assert.Equal("hidden.w", Assert.Single(groups).Name);
        PruningAssert.PrunedEqualsMasked(graph, groups);
    }

    [Fact]
    public void A_group_cannot_vanish()
    {
        var graph = Build([4], (b, x, n) => n.Dense(n.Dense(x, 2, "a"), 3, "b"));
        var error = Assert.Throws<NabiException>(() => ChannelGroups.Of(graph).Prune(new Dictionary<int, IReadOnlyCollection<int>> { [0] = [0, 1] }));
        Assert.Contains("keep at least one", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("2 3 4", "2 12", "0>0 1,2>1")]
    [InlineData("? 3 4", "? 12", "0>0 1,2>1")]
    [InlineData("? 12", "? 3 4", "0>0 1>1,2")]
    [InlineData("? 5 4", "? 4", "2>1")]
    [InlineData("? 3 1 1", "? 3", "0>0 1>1")]
    [InlineData("6 4", "4 6", "")]
    public void Reshapes_are_aligned(string from, string to, string expected)
    {
        static Shape Parse(string s) => Shape.Create(s.Split(' ').Select(d => d == "?" ? -1 : int.Parse(d)).ToArray());
        var runs = ReshapeAlignment.Of(Parse(from), Parse(to)).OrderBy(r => r.From[0]);
        Assert.Equal(expected, string.Join(' ', runs.Select(r => $"{string.Join(',', r.From)}>{string.Join(',', r.To)}")));
    }

    private static Graph Attention(int heads, int width) => Build([5, 8], (b, x, n) =>
    {
        Value Head(string name, bool transposed)
        {
            var h = b.Apply(new Reshape(), n.Dense(x, heads * width, name), b.Integers(0, 5, heads, width));
            return transposed ? b.Transpose(h, 0, 2, 3, 1) : b.Transpose(h, 0, 2, 1, 3);
        }
        var weights = b.Exp(b.MatMul(Head("q", false), Head("k", true)));
        weights = b.Div(weights, b.ReduceSum(weights, [3]));
        var mixed = b.Transpose(b.MatMul(weights, Head("v", false)), 0, 2, 1, 3);
        return n.Dense(b.Apply(new Reshape(), mixed, b.Integers(0, 5, heads * width)), 8, "out");
    });

    private static Graph Build(int[] shape, Func<GraphBuilder, Value, Net, Value> body)
    {
        var builder = new GraphBuilder("net");
        var x = builder.Input("x", DType.Float32, Shape.Create([Shape.Unknown, .. shape]));
        builder.Output("y", body(builder, x, new Net(builder)));
        return builder.Build();
    }

    private sealed class Net(GraphBuilder builder)
    {
        private readonly Rng _rng = new(3);

        public Value Weight(string name, params int[] shape)
        {
            var data = Tensor.Empty(DType.Float32, Shape.Create(shape));
            foreach (ref var w in data.Span<float>()) w = (float)_rng.NextGaussian() * 0.5f;
            return builder.Parameter(name, data);
        }

        public Value Dense(Value x, int width, string name) =>
            builder.Add(builder.MatMul(x, Weight($"{name}.w", x.Shape[-1], width)), Weight($"{name}.b", width));
    }
}
