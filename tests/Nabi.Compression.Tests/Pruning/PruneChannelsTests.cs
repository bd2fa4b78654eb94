using Nabi.Compression.Pruning;

namespace Nabi.Compression.Tests.Pruning;

public class PruneChannelsTests
{
    [Theory]
    [InlineData("l1", "global")]
    [InlineData("l2", "group")]
    [InlineData("fpgm", "global")]
    [InlineData("batch-norm-scale", "global")]
    [InlineData("taylor", "global")]
    [InlineData("hessian", "global")]
    [InlineData("random", "group")]
    public void The_target_for_multiply_accumulates_is_met(string criterion, string scope)
    {
        var graph = TinyNet.Trained;
        var pruned = new PruneChannels { Criterion = criterion, Scope = scope, KeepMacs = 0.5, Samples = 64 }.Apply(graph, TinyNet.Context);
        var part = (double)ChannelSelection.Macs(pruned) / ChannelSelection.Macs(graph);
        Assert.InRange(part, 0.2, 0.5);
        Assert.True(pruned.ParameterCount < graph.ParameterCount);
    }

    [Theory]
    [InlineData("taylor")]
    [InlineData("hessian")]
    public void Looking_at_the_loss_hurts_less_than_chance(string criterion)
    {
        double After(string by, ulong seed) => TinyNet.Accuracy(
            new PruneChannels { Criterion = by, KeepMacs = 0.8, Samples = 256, Recalibrate = false }.Apply(TinyNet.Trained, TinyNet.Context with { Seed = seed }));
        var chance = Enumerable.Range(0, 6).Average(seed => After("random", (ulong)seed));
        Assert.True(After(criterion, 0) > chance + 0.1, $"{After(criterion, 0)} against {chance}");
    }

    [Fact]
    public void Measuring_batch_statistics_anew_mends_part_of_the_harm()
    {
        double After(bool recalibrate) => TinyNet.Accuracy(new PruneChannels { KeepMacs = 0.7, Recalibrate = recalibrate }.Apply(TinyNet.Trained, TinyNet.Context));
        Assert.True(After(true) > After(false), $"{After(true)} against {After(false)}");
    }

    [Theory]
    [InlineData(16, 10, 0.9, 2, 1, 10)]
    [InlineData(16, 10, 0.5, 2, 1, 8)]
    [InlineData(16, 16, 1.0, 3, 1, 13)]
    [InlineData(16, 10, 0.9, 2, 8, 8)]
    [InlineData(6, 5, 0.9, 2, 8, 0)]
    public void Limits_are_kept(int count, int wanted, double maxRatio, int min, int multiple, int expected) =>
        Assert.Equal(expected, new ChannelLimits { MaxRatio = maxRatio, MinChannels = min, Multiple = multiple }.Allow(count, wanted));

    [Fact]
    public void A_target_out_of_reach_is_said()
    {
        var context = TinyNet.Context;
        new PruneChannels { KeepMacs = 0.01, MaxRatio = 0.3 }.Apply(TinyNet.Trained, context);
        Assert.Contains(context.Notes.Lines, l => l.Contains("was not reached", StringComparison.Ordinal));
    }

    [Fact]
    public void A_network_without_free_channels_is_refused()
    {
        var b = new GraphBuilder("flat");
        b.Output("y", b.Dense(b.Input("x", DType.Float32, [Shape.Unknown, 4]), b.Parameter("w", Tensor.Full<float>([2, 4], 1))));
        var error = Assert.Throws<NabiException>(() => new PruneChannels().Apply(b.Build(), TinyNet.Context));
        Assert.Contains("no channels that can be removed", error.Message, StringComparison.Ordinal);
    }
}
