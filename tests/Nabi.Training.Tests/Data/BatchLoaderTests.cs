using Nabi.Training.Data;
using Nabi.Training.Data.Augmentations;

namespace Nabi.Training.Tests.Data;

public class BatchLoaderTests
{
    private static readonly DataSet Digits = Glyphs.Draw(50, 10).Train;

    [Fact]
    public void An_epoch_shows_every_sample_once_in_an_order_of_its_own()
    {
        var loader = new BatchLoader(Digits, new BatchOptions { BatchSize = 8, DropLast = false });
        var (first, second) = (Indices(loader, 0), Indices(loader, 1));
        Assert.Equal(Enumerable.Range(0, 50), first.Order());
        Assert.NotEqual(first, second);
        Assert.Equal(first, Indices(loader, 0));
        Assert.Equal(6, new BatchLoader(Digits, new BatchOptions { BatchSize = 8 }).Steps);
        Assert.Equal(first.Skip(24), loader.Epoch(0, firstStep: 3).SelectMany(b => b.Indices.Take(b.Count)));
    }

    [Fact]
    public void Augmentation_depends_on_seed_epoch_and_sample_alone()
    {
        var options = new BatchOptions { BatchSize = 8, Augmentations = [new RandomCrop(3), new Translate(0.2), new HorizontalFlip(), new Cutout(5)] };
        var (a, b) = (Samples(options, 3), Samples(options with { BatchSize = 5, Shuffle = false }, 3));
        Assert.All(a, p => Assert.Equal(b[p.Key], p.Value));
        Assert.NotEqual(a[0], Samples(options, 4)[0]);
        Assert.NotEqual(a[0], Samples(options with { Seed = 1 }, 3)[0]);
    }

    [Fact]
    public void Mixup_is_a_convex_combination_of_samples_and_targets()
    {
        var plain = new BatchLoader(Digits, new BatchOptions { BatchSize = 10 });
        var mixed = new BatchLoader(Digits, new BatchOptions { BatchSize = 10, Mixup = new Mixup(1) });
        using var other = mixed.Epoch(2).GetEnumerator();
        foreach (var batch in plain.Epoch(2))
        {
            Assert.True(other.MoveNext());
            var targets = other.Current.Targets.ToSingle();
            for (var i = 0; i < 10; i++) Assert.Equal(1, targets.Skip(i * 10).Take(10).Sum(), 5);
            // Some rotation and share explain the whole batch.
            var (x, y) = (batch.Inputs.ToSingle(), other.Current.Inputs.ToSingle());
            Assert.Contains(Enumerable.Range(1, 9), by => Enumerable.Range(0, 10).All(i =>
            {
                var share = targets[i * 10 + batch.Labels[i]];
                if (batch.Labels[i] == batch.Labels[(i + by) % 10]) return true;
                return Enumerable.Range(0, 784).All(j => Math.Abs(share * x[i * 784 + j] + (1 - share) * x[(i + by) % 10 * 784 + j] - y[i * 784 + j]) < 1e-4);
            }));
        }
    }

    [Theory]
    [InlineData(0.2)]
    [InlineData(1)]
    [InlineData(3)]
    public void Mixup_draws_from_the_symmetric_beta_distribution(double alpha)
    {
        var rng = new Rng(1);
        var draws = Enumerable.Range(0, 20_000).Select(_ => new Mixup(alpha).Draw(rng)).ToArray();
        Assert.Equal(0.5, draws.Average(), 1.5 / Math.Sqrt(draws.Length));
        // Variance of Beta(a, a): 1 / (4 (2 a + 1)).
        Assert.Equal(1 / (4 * (2 * alpha + 1)), draws.Average(d => (d - 0.5) * (d - 0.5)), 0.004);
    }

    [Fact]
    public void Each_augmentation_does_what_it_says()
    {
        var image = new AugmentedImage([1, 3, 3], [-1], [1]);
        Fill(image);
        image.Shift(1, -1);
        Assert.Equal([-1, 4, 5, -1, 7, 8, -1, -1, -1], image.Pixels.ToArray());
        Fill(image);
        image.Flip();
        Assert.Equal([3, 2, 1, 6, 5, 4, 9, 8, 7], image.Pixels.ToArray());
        Fill(image);
        image.Fill(-1, 1, 3, 5, 0);
        Assert.Equal([1, 0, 0, 4, 0, 0, 7, 8, 9], image.Pixels.ToArray());
    }

    [Fact]
    public void Channels_last_and_given_shapes_reorder_the_sample()
    {
        var data = DataSet.Of("d", [2, 1, 2], new float[] { 1, 2, 3, 4 }, [0], ["a"]);
        var options = new BatchOptions { BatchSize = 1, Normalization = Normalization.None(2), SampleShape = [1, 2, 2], ChannelsLast = true };
        foreach (var batch in new BatchLoader(data, options).Epoch(0)) Assert.Equal([1f, 3f, 2f, 4f], batch.Inputs.ToSingle());
        Assert.Throws<NabiException>(() => new BatchLoader(data, options with { SampleShape = [5] }));
    }

    [Fact]
    public void An_epoch_left_early_can_be_begun_again()
    {
        var loader = new BatchLoader(Digits, new BatchOptions { BatchSize = 4 });
        for (var i = 0; i < 5; i++) Assert.Equal(2, loader.Epoch(0).Take(2).Count());
        Assert.Equal(12, loader.Epoch(0).Count());
    }

    private static void Fill(AugmentedImage image)
    {
        for (var i = 0; i < 9; i++) image.Pixels[i] = i + 1;
    }

    private static int[] Indices(BatchLoader loader, int epoch) => [.. loader.Epoch(epoch).SelectMany(b => b.Indices.Take(b.Count).ToArray())];

    private static Dictionary<int, float[]> Samples(BatchOptions options, int epoch)
    {
        var samples = new Dictionary<int, float[]>();
        foreach (var batch in new BatchLoader(Digits, options with { DropLast = false }).Epoch(epoch))
            for (var i = 0; i < batch.Count; i++) samples[batch.Indices[i]] = batch.Inputs.Span<float>().Slice(i * 784, 784).ToArray();
        return samples;
    }
}
