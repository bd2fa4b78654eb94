using Nabi.Compression.Quantization;
using Nabi.Compression.Quantization.Observers;

namespace Nabi.Compression.Tests.Quantization;

public class ObserverTests
{
    private static float[] Normal(int count, float scale = 1)
    {
        var rng = new Rng(3);
        return [.. Enumerable.Range(0, count).Select(_ => (float)rng.NextGaussian() * scale)];
    }

    [Fact]
    public void Every_observer_is_found_by_name() => Assert.Equal(["kl", "min-max", "moving-average", "mse", "percentile"], Observer.Names);

    [Fact]
    public void Min_max_remembers_extremes()
    {
        var observer = new MinMaxObserver();
        observer.Observe([1, 5]);
        observer.Observe([-2, 3]);
        Assert.Equal((-2, 5), (observer.Range.Min, observer.Range.Max));
    }

    [Fact]
    public void Moving_average_forgets_outliers()
    {
        var observer = new MovingAverageObserver { Momentum = 0.5f };
        observer.Observe([-100, 100]);
        for (var i = 0; i < 20; i++) observer.Observe([-1, 1]);
        Assert.Equal(1, observer.Range.Max, 0.01);
    }

    [Fact]
    public void Percentile_cuts_the_tail()
    {
        var observer = new PercentileObserver { Percentile = 99 };
        observer.Observe([.. Enumerable.Range(1, 10_000).Select(i => i / 1000f)]);
        Assert.Equal(9.9, observer.Range.Max, 0.02);
    }

    [Theory]
    [InlineData("mse")]
    [InlineData("kl")]
    public void Sparse_tails_are_clipped(string name)
    {
        var observer = Observer.Create(name);
        var values = Array.ConvertAll(Normal(200_000), v => v * v * v);
        observer.Observe(values);
        Assert.InRange(observer.Range.Max, values.Max() * 0.1, values.Max() * 0.9);
    }

    [Fact]
    public void The_mse_range_beats_the_full_range_and_others()
    {
        var values = Normal(40_000).Select(v => v * v * v).ToArray();
        var observer = new MseObserver();
        observer.Observe(values);
        var best = Error(values, observer.Range);
        foreach (var part in (float[])[0.2f, 0.5f, 0.8f, 1f])
            Assert.True(best <= Error(values, new QuantizationRange(values.Min() * part, values.Max() * part)) * 1.02);
    }

    [Fact]
    public void Histograms_widen_without_losing_a_sample_or_growing()
    {
        var histogram = new Histogram();
        var count = histogram.Counts.Length;
        for (var batch = 0; batch < 200; batch++)
        {
            var values = Normal(1000, MathF.Pow(1.1f, batch));
            histogram.Add(values, values.Min(), values.Max());
        }
        Assert.Equal(count, histogram.Counts.Length);
        Assert.Equal(200_000, histogram.Total);
        Assert.Equal(histogram.Total, histogram.Counts.ToArray().Sum());
        Assert.InRange(histogram.Max, 0, histogram.Width * Histogram.Half);
    }

    [Fact]
    public void Observing_does_not_allocate()
    {
        var observer = new KlObserver();
        var values = Normal(4096);
        observer.Observe(values);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++) observer.Observe(values);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Fact]
    public void Quantiles_match_sorted_values()
    {
        var values = Normal(100_000);
        var histogram = new Histogram();
        histogram.Add(values, values.Min(), values.Max());
        Array.Sort(values);
        Assert.Equal(values[90_000], histogram.Quantile(0.9), 0.01);
        Assert.Equal(values[1_000], histogram.Quantile(0.01), 0.02);
    }

    [Fact]
    public void Not_a_number_is_refused() => Assert.Throws<NabiException>(() => new MinMaxObserver().Observe([1, float.NaN]));

    [Theory]
    [InlineData(0, 6)]
    [InlineData(-1, 1)]
    [InlineData(-5, -1)]
    public void Int8_covers_the_range_and_holds_zero(float min, float max)
    {
        var (scale, zero) = IntegerFormat.Int8.Cover(new QuantizationRange(min, max));
        Assert.InRange(Math.Max(0, max), scale * (127 - zero) - scale, scale * (127 - zero) + scale);
        Assert.InRange(Math.Min(0, min), scale * (-128 - zero) - scale, scale * (-128 - zero) + scale);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(16)]
    public void Any_number_of_bits_covers_a_range(int bits)
    {
        var format = new IntegerFormat(bits);
        var (scale, zero) = format.Cover(new QuantizationRange(-1, 3));
        Assert.Equal(4f / ((1 << bits) - 1), scale);
        Assert.Equal(3, scale * (format.Max - zero), scale);
        Assert.Equal((3f / format.Max, 0), (format with { IsSymmetric = true }).Cover(new QuantizationRange(-1, 3)));
    }

    // Fewer levels are finer when less is covered.
    [Theory]
    [InlineData("mse")]
    [InlineData("kl")]
    public void Fewer_bits_clip_more(string name)
    {
        float Max(int bits)
        {
            var observer = Observer.Create(name, new IntegerFormat(bits));
            observer.Observe(Normal(100_000));
            return observer.Range.Max;
        }
        Assert.True(Max(3) < Max(8), $"{Max(3)}, {Max(8)}");
    }

    private static double Error(float[] values, QuantizationRange range)
    {
        var (scale, zero) = IntegerFormat.Int8.Cover(range);
        return values.Sum(v => Math.Pow(v - scale * (Math.Clamp(Math.Round(v / scale) + zero, -128, 127) - zero), 2));
    }
}
