using Nabi.Compression.Pruning;

namespace Nabi.Compression.Tests.Pruning;

public class NetworkSlimmingTests
{
    private static readonly NetworkSlimming Slimming = new() { Epochs = 10, Strength = 0.05, KeepMacs = 0.7 };

    /// <summary>Figure 4 of the paper: the stronger the penalty, the more scales lie near zero, so that removing channels harms less.</summary>
    [Fact]
    public void The_penalty_makes_the_removal_cheaper()
    {
        double After(double strength) => TinyNet.Accuracy((Slimming with { Strength = strength }).Apply(TinyNet.Trained, TinyNet.Context));
        var (with, without) = (After(0.05), After(0));
        Assert.True(with > without, $"{with} against {without}");
    }

    [Fact]
    public void Rounds_share_the_target()
    {
        var slim = (Slimming with { Rounds = 2, Epochs = 1, KeepMacs = 0.5 }).Apply(TinyNet.Trained, TinyNet.Context);
        Assert.InRange((double)ChannelSelection.Macs(slim) / ChannelSelection.Macs(TinyNet.Trained), 0.2, 0.5);
    }

    [Fact]
    public void A_network_without_batch_normalization_is_refused()
    {
        var b = new GraphBuilder("plain");
        var x = b.Input("x", DType.Float32, [Shape.Unknown, 4]);
        b.Output("y", b.Dense(b.Relu(b.Dense(x, b.Parameter("w", Tensor.Full<float>([8, 4], 1)))), b.Parameter("v", Tensor.Full<float>([2, 8], 1))));
        Assert.Contains("unfold-batch-norm", Assert.Throws<NabiException>(() => Slimming.Apply(b.Build(), TinyNet.Context)).Message, StringComparison.Ordinal);
    }
}
