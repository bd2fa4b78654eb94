using Nabi.Compression.Pruning;
using Nabi.Compression.Reports;
using Nabi.Compression.Sharing;
using Nabi.Ops;

namespace Nabi.Compression.Tests.Sharing;

public sealed class ShareWeightsTests
{
    [Theory]
    [InlineData("linear")]
    [InlineData("density")]
    [InlineData("random")]
    public void Every_weight_takes_the_nearest_centroid_and_every_centroid_is_the_mean_of_its_weights(string start)
    {
        var weights = Gaussian(3000, 4);
        var shared = SharedTensor.Of(weights, 16, new KMeans(), CentroidStart.Of(start), new Rng(1));
        var (numbers, indices) = (weights.ToSingle(), shared.Indices.Span<byte>().ToArray());
        var centroids = shared.Centroids.ToSingle();
        Assert.InRange(centroids.Length, 2, 16);
        var (sums, counts) = (new double[centroids.Length], new int[centroids.Length]);
        for (var i = 0; i < numbers.Length; i++)
        {
            Assert.Equal(centroids.Min(c => Math.Abs(numbers[i] - c)), Math.Abs(numbers[i] - centroids[indices[i]]), 1e-5f);
            sums[indices[i]] += numbers[i];
            counts[indices[i]]++;
        }
        for (var k = 0; k < centroids.Length; k++) Assert.Equal(sums[k] / counts[k], centroids[k], 1e-4);
    }

    [Fact]
    public void A_linear_start_covers_the_largest_weights_and_a_density_start_does_not()
    {
        // Section 3.2: large weights are few and matter.
        var weights = Gaussian(20_000, 2).ToSingle();
        weights[77] = 12;
        Array.Sort(weights);
        Assert.Equal(12, new LinearStart().Choose(weights, 32, new Rng(1))[^1]);
        Assert.InRange(new DensityStart().Choose(weights, 32, new Rng(1))[^1], 0, 4);
    }

    [Fact]
    public void A_mixture_finds_components_of_unlike_widths()
    {
        // A narrow and a wide Gaussian: midway between the means lies the narrow one's end, not the border.
        var rng = new Rng(3);
        var weights = Tensor.Zeros(DType.Float32, [20_000]);
        var truth = new bool[weights.Count];
        for (var i = 0; i < truth.Length; i++) weights.Span<float>()[i] = (float)((truth[i] = rng.Next(2) == 0) ? 1 + (rng.NextGaussian() * 0.1) : 3 + rng.NextGaussian());
        var mixture = SharedTensor.Of(weights, 2, new GaussianMixture(), new LinearStart(), rng);
        var means = SharedTensor.Of(weights, 2, new KMeans(), new LinearStart(), rng);
        Assert.Equal(1, mixture.Centroids.ToSingle().Min(), 0.05);
        Assert.Equal(3, mixture.Centroids.ToSingle().Max(), 0.1);
        Assert.True(Right(mixture) > Right(means) + 0.02, $"{Right(mixture)} against {Right(means)}");

        double Right(SharedTensor shared)
        {
            var narrow = Array.IndexOf(shared.Centroids.ToSingle(), shared.Centroids.ToSingle().Min());
            return truth.Select((t, i) => (shared.Indices.Span<byte>()[i] == narrow) == t).Count(r => r) / (double)truth.Length;
        }
    }

    [Fact]
    public void Few_values_are_kept_exactly()
    {
        var weights = Tensor.Vector(0f, -1, 2, 2, 0, 5, -1);
        var shared = SharedTensor.Of(weights, 4, new KMeans(), new LinearStart(), new Rng(1));
        Assert.True(shared.HasZero);
        Assert.Equal([-1f, 2, 5], shared.Centroids.ToSingle());
        Assert.Equal([0, 1, 2, 2, 0, 3, 1], shared.Indices.Span<byte>().ToArray());
    }

    [Fact]
    public void Pruned_weights_stay_zero_while_centroids_learn_and_accuracy_comes_back()
    {
        var pruned = new PruneWeights { Sparsity = 0.5 }.Apply(TinyNet.Trained, TinyNet.Context);
        var step = new ShareWeights { Bits = 3, ConvBits = 3, Rate = 0.001, Epochs = 3 };
        var before = step.Share(Passes.FoldBatchNormalization.Pass.Apply(pruned), TinyNet.Context);
        var after = step.Apply(pruned, TinyNet.Context);
        Assert.Equal(Weights(before).Select(Zeros), Weights(after).Select(Zeros));
        Assert.NotEqual(Centroids(before), Centroids(after));
        Assert.All(Weights(after), w => Assert.InRange(w.ToSingle().Distinct().Count(), 2, 8));
        Assert.True(TinyNet.Accuracy(after) >= TinyNet.Accuracy(before), $"{TinyNet.Accuracy(before)} became {TinyNet.Accuracy(after)}");
        Assert.Equal(GraphSummary.Of(TinyNet.Trained).Cost.Macs, GraphSummary.Of(after).Cost.Macs);
        Assert.Equal(before.Nodes.Count(n => n.Op is Codebook), LayerRow.Of(after).Count(r => r.Parameters > 0));
    }

    [Fact]
    public void Biases_share_values_when_asked()
    {
        var shared = new ShareWeights { BiasBits = 2, Epochs = 0 }.Apply(TinyNet.Trained, TinyNet.Context);
        Assert.Contains(shared.Nodes, n => n.Op is Codebook && n.Output.Shape.Rank == 1);
        Assert.Equal(TinyNet.Accuracy(shared), TinyNet.Accuracy(TinyNet.Trained), 0.15);
    }

    [Fact]
    public void Settings_are_checked()
    {
        Assert.Contains("bits is 9", new ShareWeights { Bits = 9 }.Fault, StringComparison.Ordinal);
        Assert.Contains("kmeans", new ShareWeights { Method = "?" }.Fault, StringComparison.Ordinal);
        Assert.Contains("density, linear, random", new ShareWeights { Initialisation = "?" }.Fault, StringComparison.Ordinal);
        Assert.Null(new ShareWeights().Fault);
    }

    private static IEnumerable<Tensor> Weights(Graph graph) => graph.Nodes.Where(n => n.Op is Codebook)
        .Select(n => ReferenceEvaluator.Evaluate(n, [n.Inputs[0]!.Data, n.Inputs[1]!.Data], new Rng(0))[0]);

    private static int Zeros(Tensor tensor) => tensor.ToSingle().Count(w => w == 0);

    private static float[] Centroids(Graph graph) => [.. graph.Nodes.Where(n => n.Op is Codebook).SelectMany(n => n.Inputs[1]!.Data!.ToSingle())];

    private static Tensor Gaussian(int count, ulong seed)
    {
        var (rng, tensor) = (new Rng(seed), Tensor.Zeros(DType.Float32, [count]));
        foreach (ref var w in tensor.Span<float>()) w = (float)rng.NextGaussian();
        return tensor;
    }
}
