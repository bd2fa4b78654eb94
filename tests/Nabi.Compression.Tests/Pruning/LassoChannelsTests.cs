using Nabi.Compression.Pruning;
using Nabi.Models;

namespace Nabi.Compression.Tests.Pruning;

public class LassoChannelsTests
{
    [Fact]
    public void Least_squares_finds_the_weights_that_made_the_results()
    {
        var rng = new Rng(2);
        double[][] truth = [[1, -2, 3], [0.5, 0, -1]];
        var (gram, cross) = (ReaderStatistics.Rows(3, 3), ReaderStatistics.Rows(2, 3));
        for (var n = 0; n < 50; n++)
        {
            var x = new[] { rng.NextGaussian(), rng.NextGaussian(), rng.NextGaussian() };
            for (var i = 0; i < 3; i++)
            {
                for (var j = 0; j < 3; j++) gram[i][j] += x[i] * x[j];
                for (var m = 0; m < 2; m++) cross[m][i] += truth[m].Zip(x, (w, v) => w * v).Sum() * x[i];
            }
        }
        var found = LeastSquares.Solve(gram, cross, ReaderStatistics.Rows(2, 3));
        for (var m = 0; m < 2; m++)
            for (var i = 0; i < 3; i++) Assert.Equal(truth[m][i], found[m][i], 1e-4);
    }

    /// <summary>The optimality conditions of LASSO: where beta is not zero the gradient is -lambda sign(beta), elsewhere within +-lambda.</summary>
    [Theory]
    [InlineData(0.1)]
    [InlineData(0.7)]
    public void Coordinate_descent_ends_where_the_subgradient_vanishes(double lambda)
    {
        double[][] q = [[2, 0.5, 0.1], [0.5, 1, -0.3], [0.1, -0.3, 0.8]];
        double[] b = [1, 0.6, -0.4], beta = [1, 1, 1];
        LassoPath.Descend(q, b, lambda, beta);
        for (var c = 0; c < 3; c++)
        {
            var gradient = q[c].Zip(beta, (x, y) => x * y).Sum() - b[c];
            if (beta[c] != 0) Assert.Equal(-lambda * Math.Sign(beta[c]), gradient, 1e-3);
            else Assert.InRange(gradient, -lambda - 1e-3, lambda + 1e-3);
        }
    }

    [Fact]
    public void Of_two_equal_channels_one_goes_first()
    {
        double[][] q = [[1, 1, 0], [1, 1, 0], [0, 0, 4]];
        var kept = LassoPath.Choose(q, [2, 2, 4], 2);
        Assert.Contains(2, kept);
        Assert.Equal(2, kept.Length);
    }

    /// <summary>Channels that repeat others, and are read with small weights, are chosen to go; least squares lets the others do their part too.</summary>
    [Fact]
    public void A_network_with_doubled_channels_loses_half_of_them_almost_without_a_trace()
    {
        var graph = Doubled();
        var context = TinyNet.Context;
        var pruned = new LassoChannels { KeepMacs = 0.51, Samples = 64, Positions = 40 }.Apply(graph, context);
        Assert.Equal(8, pruned.Parameter("a")!.Shape[0]);
        var (before, after) = (Evaluate(graph), Evaluate(pruned));
        for (var i = 0; i < before.Length; i++) Assert.Equal(before[i], after[i], 0.02f);
    }

    [Fact]
    public void Choosing_and_fitting_keeps_more_than_the_norm()
    {
        var lasso = TinyNet.Accuracy(new LassoChannels { KeepMacs = 0.6, Samples = 256 }.Apply(TinyNet.Trained, TinyNet.Context));
        var norm = TinyNet.Accuracy(new PruneChannels { KeepMacs = 0.6, Scope = "group" }.Apply(TinyNet.Trained, TinyNet.Context));
        Assert.True(lasso > norm, $"{lasso} against {norm}");
    }

    [Theory]
    [InlineData("resnet20")]
    [InlineData("squeezenet-1.1")]
    [InlineData("mobilenet-v3-small")]
    public void Networks_of_many_kinds_lose_channels_and_keep_working(string name)
    {
        var graph = Zoo.Find(name).Create(new ModelOptions { Seed = 3, Classes = 10, Input = [1, 28, 28], Width = 0.25 });
        var data = Training.Data.Glyphs.Draw(64, 8, seed: 5);
        var context = TinyNet.Context with { Training = data.Train, Validation = data.Test, BatchSize = 16 };
        var pruned = new LassoChannels { KeepMacs = 0.7, Samples = 16, Positions = 4 }.Apply(graph, context);
        Assert.True(ChannelSelection.Macs(pruned) < 0.9 * ChannelSelection.Macs(graph), $"{ChannelSelection.Macs(pruned)} of {ChannelSelection.Macs(graph)}");
        Assert.All(Training.Evaluator.Logits(pruned, data.Test).ToSingle(), v => Assert.True(float.IsFinite(v)));
    }

    private static Graph Doubled()
    {
        var (b, rng) = (new GraphBuilder("doubled"), new Rng(6));
        var x = b.Input("x", DType.Float32, Shape.Create([Shape.Unknown, .. TinyNet.Data.Train.SampleShape.Dims]));
        var half = new float[8 * 9];
        for (var i = 0; i < half.Length; i++) half[i] = (float)rng.NextGaussian() * 0.4f;
        var second = new float[8 * 16 * 9];
        for (var i = 0; i < second.Length; i++) second[i] = (float)rng.NextGaussian() * (i / 9 % 16 < 8 ? 0.1f : 0.01f);
        var y = b.Relu(b.Conv(x, b.Parameter("a", Tensor.Of<float>([16, 1, 3, 3], [.. half, .. half])), pad: 1));
        y = b.Relu(b.Conv(y, b.Parameter("b", Tensor.Of<float>([8, 16, 3, 3], second)), b.Parameter("bias", Tensor.Full([8], 0.1f)), pad: 1));
        var dense = new float[4 * 8];
        for (var i = 0; i < dense.Length; i++) dense[i] = (float)rng.NextGaussian();
        // The last weight is a constant, so that only the doubled channels are free.
        b.Output("scores", b.Dense(b.Flatten(b.GlobalAveragePool(y)), b.Constant(Tensor.Of<float>([4, 8], dense), "c")));
        return b.Build();
    }

    private static float[] Evaluate(Graph graph) => Training.Evaluator.Logits(graph, TinyNet.Data.Test).ToSingle();
}
