using Nabi.Compression.Distillation;
using Nabi.Compression.Pruning;

namespace Nabi.Compression.Tests.Pruning;

public class PruneWeightsTests
{
    [Theory]
    [InlineData("global")]
    [InlineData("layer")]
    public void The_smallest_weights_become_zero(string scope)
    {
        var pruned = new PruneWeights { Sparsity = 0.7, Scope = scope }.Apply(TinyNet.Trained, TinyNet.Context);
        Assert.Equal(0.7, SparsityMasks.SparsityOf(pruned), 0.01);
        var (before, after) = (TinyNet.Trained.Parameter("a.w")!.Data!.ToSingle(), pruned.Parameter("a.w")!.Data!.ToSingle());
        var smallestKept = after.Where(w => w != 0).Min(Math.Abs);
        Assert.All(before.Where((_, i) => after[i] == 0), w => Assert.True(Math.Abs(w) <= smallestKept));
    }

    [Fact]
    public void Two_of_four_stay_along_the_input_channels()
    {
        var pruned = new PruneWeights { Pattern = "2:4" }.Apply(TinyNet.Trained, TinyNet.Context);
        var weight = pruned.Parameter("a.w")!;
        var values = weight.Data!.ToSingle();
        var taps = weight.Shape[2] * weight.Shape[3];
        for (var m = 0; m < weight.Shape[0]; m++)
            for (var c = 0; c < weight.Shape[1]; c += 4)
                for (var t = 0; t < taps; t++)
                    Assert.Equal(2, Enumerable.Range(c, 4).Count(i => values[(m * weight.Shape[1] + i) * taps + t] == 0));
        Assert.Equal(TinyNet.Trained.Parameter("stem.w")!.Data!.ToSingle(), pruned.Parameter("stem.w")!.Data!.ToSingle());
    }

    [Fact]
    public void Fine_tuning_keeps_zeros()
    {
        var pruned = new PruneWeights { Sparsity = 0.6 }.Apply(TinyNet.Trained, TinyNet.Context);
        var tuned = new FineTune { Epochs = 1 }.Apply(pruned, TinyNet.Context);
        Assert.Equal(SparsityMasks.SparsityOf(pruned), SparsityMasks.SparsityOf(tuned), 1e-3);
        Assert.NotEqual(pruned.Parameter("a.w")!.Data!.ToSingle(), tuned.Parameter("a.w")!.Data!.ToSingle());
    }

    [Theory]
    [InlineData(0, 0.0)]
    [InlineData(5, 0.7)]
    [InlineData(10, 0.8)]
    public void The_cubic_schedule_rises_fast_then_slowly(int round, double expected) =>
        Assert.Equal(expected, PruneGradually.SparsityAt(0, 0.8, round, 10), 1e-9);

    [Fact]
    public void Gradual_pruning_ends_at_its_sparsity()
    {
        var pruned = new PruneGradually { Sparsity = 0.8, Rounds = 2, Epochs = 1 }.Apply(TinyNet.Trained, TinyNet.Context);
        Assert.Equal(0.8, SparsityMasks.SparsityOf(pruned), 0.01);
    }
}
