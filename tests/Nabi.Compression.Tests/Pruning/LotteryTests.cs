using Nabi.Compression.Pruning;

namespace Nabi.Compression.Tests.Pruning;

public class LotteryTests
{
    [Fact]
    public void A_ticket_has_its_sparsity_with_a_denser_last_layer_and_learns()
    {
        var lottery = new Lottery { Sparsity = 0.64, Rounds = 2, Epochs = 12, Rate = 0.1 };
        var ticket = lottery.Apply(TinyNet.Build(), TinyNet.Context);
        Assert.Equal(0.64, Zeros(ticket, "a.w"), 0.01);
        // 1 - (1 - 0.4 / 2)^2
        Assert.Equal(0.36, Zeros(ticket, "fc.w"), 0.02);
        var (found, dense) = (TinyNet.Accuracy(ticket), TinyNet.Accuracy(TinyNet.Trained));
        Assert.True(found > dense - 0.15, $"ticket {found:P1}, dense {dense:P1}");
        Assert.Equal(ticket.Parameter("a.w")!.Data!.ToSingle(), lottery.Apply(TinyNet.Build(), TinyNet.Context).Parameter("a.w")!.Data!.ToSingle());
    }

    [Fact]
    public void Weights_left_go_back_to_their_beginning()
    {
        // So small a rate trains nothing: what is left must be what it was, and the smallest weights of the beginning are gone.
        var untrained = TinyNet.Build();
        var ticket = new Lottery { Sparsity = 0.5, Rounds = 2, Epochs = 1, Rate = 1e-9, Decay = 0 }.Apply(untrained, TinyNet.Context);
        var (before, after) = (untrained.Parameter("a.w")!.Data!.ToSingle(), ticket.Parameter("a.w")!.Data!.ToSingle());
        var smallestKept = before.Where((_, i) => after[i] != 0).Min(Math.Abs);
        for (var i = 0; i < before.Length; i++)
        {
            if (after[i] == 0) Assert.True(Math.Abs(before[i]) <= smallestKept);
            else Assert.Equal(before[i], after[i], 1e-5f);
        }
    }

    [Fact]
    public void Rewinding_goes_back_to_an_early_step_and_must_be_within_the_training()
    {
        var early = new Lottery { Sparsity = 0.5, Rounds = 1, Epochs = 1, Rewind = 5 };
        Assert.Equal(0.5, Zeros(early.Apply(TinyNet.Build(), TinyNet.Context), "a.w"), 0.01);
        var e = Assert.Throws<NabiException>(() => (early with { Rewind = 100_000 }).Apply(TinyNet.Build(), TinyNet.Context));
        Assert.Contains("rewind is 100000 but a training has only", e.Message);
    }

    private static double Zeros(Graph graph, string name)
    {
        var weights = graph.Parameter(name)!.Data!.ToSingle();
        return weights.Count(w => w == 0) / (double)weights.Length;
    }
}
