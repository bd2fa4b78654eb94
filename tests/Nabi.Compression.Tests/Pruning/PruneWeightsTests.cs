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
        Assert.Equal(expected, GradualSparsity.SparsityAt(0, 0.8, round, 10), 1e-9);

    [Fact]
    public void Gradual_pruning_ends_at_its_sparsity()
    {
        var pruned = new PruneGradually { Sparsity = 0.8, Epochs = 2 }.Apply(TinyNet.Trained, TinyNet.Context);
        Assert.Equal(0.8, SparsityMasks.SparsityOf(pruned), 0.001);
    }

    [Theory]
    [InlineData("global")]
    [InlineData("deviation")]
    public void Gradual_masks_only_grow_and_pruning_again_at_the_same_time_changes_nothing(string scope)
    {
        var layers = WeightLayer.Of(TinyNet.Trained);
        var weights = layers.ToDictionary(l => l.Name, l => TinyNet.Trained.Parameter(l.Name)!.Data!.Copy());
        var schedule = new GradualSparsity(layers.ToArray(), 0, 0.9, 10, 0.5, "magnitude", "free", scope, 1);
        var before = 0.0;
        foreach (var progress in new[] { 0, 0.01, 0.06, 0.21, 0.49, 0.5, 0.9 })
        {
            schedule.Prune(weights, progress);
            var now = SparsityMasks.SparsityOf(TinyNet.Trained.WithParameters(weights));
            Assert.Equal(GradualSparsity.SparsityAt(0, 0.9, schedule.StageAt(progress), 10), now, 1e-3);
            Assert.True(now >= before);
            before = now;
            // The training moves what is left; the stage stays.
            foreach (var tensor in weights.Values)
                foreach (ref var w in tensor.Span<float>()) w *= -0.01f + w;
            schedule.Prune(weights, progress);
            Assert.Equal(now, SparsityMasks.SparsityOf(TinyNet.Trained.WithParameters(weights)));
        }
    }

    [Theory]
    [InlineData("magnitude")]
    [InlineData("obd")]
    [InlineData("taylor")]
    [InlineData("lamp")]
    [InlineData("random")]
    public void Every_criterion_reaches_the_sparsity_and_keeps_zeros(string criterion)
    {
        var half = new PruneWeights { Sparsity = 0.5, Criterion = "random" }.Apply(TinyNet.Trained, TinyNet.Context);
        var pruned = new PruneWeights { Sparsity = 0.75, Criterion = criterion, Samples = 64, Rounds = 2 }.Apply(half, TinyNet.Context);
        Assert.Equal(0.75, SparsityMasks.SparsityOf(pruned), 0.001);
        foreach (var layer in WeightLayer.Of(half))
        {
            var (before, after) = (half.Parameter(layer.Name)!.Data!.ToSingle(), pruned.Parameter(layer.Name)!.Data!.ToSingle());
            for (var i = 0; i < before.Length; i++) Assert.True(after[i] == 0 || after[i] == before[i]);
        }
    }

    [Fact]
    public void Second_order_saliency_loses_less_than_magnitude_without_training()
    {
        var (obd, magnitude) = (0.0, 0.0);
        foreach (var sparsity in new[] { 0.4, 0.5, 0.6, 0.7 })
        {
            obd += TinyNet.Accuracy(new PruneWeights { Sparsity = sparsity, Criterion = "obd", Samples = 256, Rounds = 5 }.Apply(TinyNet.Trained, TinyNet.Context));
            magnitude += TinyNet.Accuracy(new PruneWeights { Sparsity = sparsity }.Apply(TinyNet.Trained, TinyNet.Context));
        }
        Assert.True(obd > magnitude, $"obd {obd / 4:P1}, magnitude {magnitude / 4:P1}");
    }

    // A matrix of 5 outputs by 6 columns whose only large weights lie in the block of rows 2-3 and columns 4-5, and in the last row.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Blocks_of_the_output_by_input_matrix_go_as_a_whole(bool outputsFirst)
    {
        static bool IsLarge(int output, int column) => output is 2 or 3 && column is 4 or 5 || output == 4;
        var data = new float[30];
        for (var o = 0; o < 5; o++)
            for (var c = 0; c < 6; c++) data[outputsFirst ? o * 6 + c : c * 5 + o] = IsLarge(o, c) ? 1 : 0.1f + 0.01f * (o + c);
        var weights = Tensor.Of<float>(outputsFirst ? [5, 6] : [6, 5], data);
        var axes = outputsFirst ? new WeightAxes(1, 0, 1) : new WeightAxes(1, 1, 0);
        // 4 of 30 weights in the block and 6 in the smaller blocks of the last row stay.
        WeightPattern.Parse("block-2x2")!.Prune([new ScoredWeight("w", axes, weights, data)], 20.0 / 30, WeightScope.Global);
        for (var o = 0; o < 5; o++)
            for (var c = 0; c < 6; c++) Assert.Equal(IsLarge(o, c) ? 1f : 0f, weights.ToSingle()[outputsFirst ? o * 6 + c : c * 5 + o]);
    }

    [Theory]
    [InlineData("2:2")]
    [InlineData("0:4")]
    [InlineData("block-0x4")]
    [InlineData("block-4")]
    [InlineData("block-1000x1")]
    [InlineData("4x4")]
    public void A_pattern_that_is_none_is_refused(string pattern) =>
        Assert.Contains("must be free, N:M", new PruneWeights { Pattern = pattern }.Fault);

    [Fact]
    public void Criteria_that_need_data_do_not_work_amid_a_training() =>
        Assert.Contains("there are lamp, magnitude, random", new PruneGradually { Criterion = "obd" }.Fault);
}
