namespace Nabi.Models.Tests;

public class LinformerTests
{
    [Fact]
    public void Projected_to_all_tokens_by_the_identity_it_is_full_attention()
    {
        var (q, k, v) = (Attending.Normal(1, 2, 6, 4), Attending.Normal(2, 2, 6, 4), Attending.Normal(3, 2, 6, 4));
        var identity = Tensor.Of<float>([6, 6], [.. Enumerable.Range(0, 36).Select(i => i % 7 == 0 ? 1f : 0f)]);
        var attention = new LinformerAttention { ProjectedTokens = 6, Sharing = LinformerSharing.Headwise };
        var actual = Attending.Run(attention.Attend, q, k, v, change: g => g.WithParameters(new Dictionary<string, Tensor> { ["E"] = identity, ["F"] = identity }));
        Assert.Equal(0, Attending.RelativeError(Attending.Run(Attending.InFull, q, k, v), actual), 1e-6);
    }

    [Theory]
    [InlineData(LinformerSharing.None, 2 * 2 * 3 * 12 * 2)]   // layers, E and F, k, n, heads
    [InlineData(LinformerSharing.Headwise, 2 * 2 * 3 * 12)]
    [InlineData(LinformerSharing.KeyValue, 2 * 3 * 12)]
    [InlineData(LinformerSharing.Layerwise, 3 * 12)]
    public void Sharing_says_how_many_projections_there_are(LinformerSharing sharing, int parameters)
    {
        var network = new Network("n", new ModelOptions());
        var attention = new LinformerAttention { ProjectedTokens = 3, Sharing = sharing };
        var x = network.Input([12, 8]).SplitHeads(2);
        for (var layer = 0; layer < 2; layer++) x = attention.Attend(x, x, x);
        var graph = network.Finish(x);
        Assert.Equal(parameters, graph.Parameters.Where(p => p.IsTrainable).Sum(p => p.Shape.Count));
    }

    [Fact]
    public void Twice_the_tokens_cost_twice_the_multiply_accumulates()
    {
        Assert.Equal(2 * Macs(64), Macs(128));

        static long Macs(int tokens)
        {
            var network = new Network("n", new ModelOptions());
            var x = network.Input([tokens, 8]).SplitHeads(2);
            return GraphSummary.Of(network.Finish(new LinformerAttention { ProjectedTokens = 16 }.Attend(x, x, x))).Cost.Macs;
        }
    }
}
