using Nabi.Compression.Pruning;
using Nabi.Compression.Pruning.Criteria;

namespace Nabi.Compression.Tests.Pruning;

public class CriteriaTests
{
    // Three channels: weights (3, 4), (1, 0), (0, -2), batch-norm scales 0.5, -2, 0.1.
    private static ChannelGroup Group()
    {
        var b = new GraphBuilder("g");
        var x = b.Input("x", DType.Float32, [Shape.Unknown, 2, 1, 1]);
        var y = b.Conv(x, b.Parameter("w", Tensor.Of([3, 2, 1, 1], 3f, 4f, 1f, 0f, 0f, -2f)));
        Value Vector(string name, params float[] v) => b.Parameter(name, Tensor.Of([3], v));
        y = b.BatchNorm(y, Vector("scale", 0.5f, -2f, 0.1f), Vector("shift", 0, 0, 0), Vector("mean", 0, 0, 0), Vector("var", 1, 1, 1));
        b.Output("y", b.Conv(y, b.Parameter("out", Tensor.Full<float>([2, 3, 1, 1], 1))));
        return ChannelGroups.Of(b.Build())[0];
    }

    private static float[] Score(ChannelCriterion criterion, Dictionary<string, Tensor>? gradients = null) =>
        criterion.Score(new ChannelGroupView(Group(), gradients, new Rng(1)));

    [Fact]
    public void L1_sums_magnitudes() => Assert.Equal([7, 1, 2], Score(new L1()));

    [Fact]
    public void L2_is_the_norm() => Assert.Equal([5, 1, 2], Score(new L2()));

    [Fact]
    public void Fpgm_finds_the_filter_amid_the_others()
    {
        // Distances: 0-1 sqrt(20), 0-2 sqrt(45), 1-2 sqrt(5).
        var scores = Score(new Fpgm());
        Assert.Equal(Math.Sqrt(20) + Math.Sqrt(45), scores[0], 1e-4);
        Assert.Equal(Math.Sqrt(20) + Math.Sqrt(5), scores[1], 1e-4);
        Assert.Equal(1, Array.IndexOf(scores, scores.Min()));
    }

    [Fact]
    public void Batch_norm_scale_is_its_magnitude() => Assert.Equal([0.5f, 2f, 0.1f], Score(new BatchNormScale()));

    [Fact]
    public void Taylor_squares_the_sum_of_gradient_times_weight()
    {
        var gradient = Tensor.Of([3, 2, 1, 1], 1f, -1f, 2f, 5f, 1f, 1f);
        Assert.Equal([1, 4, 4], Score(new Taylor(), new() { ["w"] = gradient }));
    }

    // Every channel is read by the weights (1, 1); each activation of the group holds one number of it.
    [Fact]
    public void Hessian_is_half_the_square_of_the_masks_gradient_for_what_the_channel_costs()
    {
        var group = Group();
        var gradient = Tensor.Of([2, 3, 1, 1], 1f, -1f, 2f, 3f, 1f, 1f);
        var scores = Score(new Hessian(), new() { ["out"] = gradient });
        Assert.Equal([16 / 2f / group.Activations.Count, 0, 9 / 2f / group.Activations.Count], scores);
    }

    [Fact]
    public void Random_depends_on_the_seed_only() => Assert.Equal(Score(new Compression.Pruning.Criteria.Random()), Score(new Compression.Pruning.Criteria.Random()));

    [Fact]
    public void Every_criterion_is_found_by_name() =>
        Assert.Equal(["batch-norm-scale", "fpgm", "hessian", "l1", "l2", "random", "taylor"], Named<ChannelCriterion>.Names);
}
