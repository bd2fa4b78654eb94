namespace Nabi.Models.Tests;

public class FavorTests
{
    private const int Width = 8, Blocks = 20_000;

    private static readonly float[] X = [0.4f, -0.2f, 0.3f, 0.1f, -0.5f, 0.2f, 0.1f, 0.3f];
    private static readonly float[] Y = [0.3f, -0.3f, 0.1f, 0.4f, -0.2f, 0.1f, -0.4f, 0.5f];

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_softmax_kernel_is_estimated_without_bias(bool isOrthogonal)
    {
        var blocks = Means(KernelEstimates(isOrthogonal), Width);
        var (mean, variance) = Moments(blocks);
        Assert.Equal(Kernel(), mean, 4 * Math.Sqrt(variance / blocks.Length));
    }

    [Fact]
    public void Orthogonal_directions_have_the_lower_variance()
    {
        var (orthogonal, independent) = (Moments(Means(KernelEstimates(true), Width)).Variance, Moments(Means(KernelEstimates(false), Width)).Variance);
        // Theorem 2: lower by at least (1 - 1/m) 2/(d + 2) (exp(x y) - exp(-(|x|^2 + |y|^2) / 2))^2, of which sampling leaves half for sure.
        var squares = X.Sum(e => e * e) + Y.Sum(e => e * e);
        var bound = (1 - 1.0 / Width) * 2 / (Width + 2) * Math.Pow(Kernel() - Math.Exp(-squares / 2), 2);
        Assert.True(orthogonal < independent - bound / 2, $"{orthogonal} against {independent}, bound {bound}");
    }

    [Fact]
    public void The_error_falls_with_the_root_of_the_number_of_features()
    {
        var estimates = KernelEstimates(isOrthogonal: false);
        int[] features = [16, 64, 256, 1024];
        var errors = features.Select(m => Math.Sqrt(Means(estimates, m).Average(e => Math.Pow(e - Kernel(), 2)))).ToArray();
        for (var i = 1; i < errors.Length; i++) Assert.InRange(Math.Log(errors[i] / errors[i - 1]) / Math.Log(4), -0.62, -0.38);
    }

    [Fact]
    public void Attention_comes_nearer_to_softmax_with_more_features()
    {
        var (q, k, v) = (Attending.Normal(1, 1, 32, 16, 0.7), Attending.Normal(2, 1, 32, 16, 0.7), Attending.Normal(3, 1, 32, 16));
        var expected = Attending.Run(Attending.InFull, q, k, v);
        double Error(int features) => Enumerable.Range(0, 4).Average(seed =>
            Attending.RelativeError(expected, Attending.Run(new FavorAttention { Features = features }.Attend, q, k, v, (ulong)seed)));
        var (few, some, many) = (Error(16), Error(128), Error(1024));
        Assert.True(few > 1.4 * some && some > 1.8 * many, $"{few}, {some}, {many}");
    }

    [Fact]
    public void Causal_attention_is_attention_to_every_prefix()
    {
        var (q, k, v) = (Attending.Normal(1, 2, 12, 4), Attending.Normal(2, 2, 12, 4), Attending.Normal(3, 2, 12, 4));
        var causal = Attending.Run(new FavorAttention { Features = 8, IsCausal = true, ChunkLength = 4 }.Attend, q, k, v);
        for (var last = 0; last < 12; last++)
        {
            var prefix = Attending.Run(new FavorAttention { Features = 8 }.Attend, Prefix(q, last + 1), Prefix(k, last + 1), Prefix(v, last + 1));
            for (var head = 0; head < 2; head++)
                for (var i = 0; i < 4; i++) Assert.Equal(prefix[(head * (last + 1) + last) * 4 + i], causal[(head * 12 + last) * 4 + i], 1e-4f);
        }
    }

    [Fact]
    public void Directions_are_orthogonal_in_blocks_and_as_long_as_normal_vectors()
    {
        var network = new Network("n", new ModelOptions());
        var w = new FavorAttention { Features = 12_000 }.Directions(network.Input([1, 4, 6])).Data!;
        double Product(int a, int b) => Enumerable.Range(0, 6).Sum(i => (double)w.Span<float>()[i * 12_000 + a] * w.Span<float>()[i * 12_000 + b]);
        for (var a = 0; a < 6; a++)
            for (var b = 0; b < a; b++) Assert.Equal(0, Product(a, b), 1e-5);
        // chi-squared with d degrees of freedom: mean d, variance 2 d.
        var (mean, variance) = Moments([.. Enumerable.Range(0, 12_000).Select(i => Product(i, i))]);
        Assert.Equal(6, mean, 0.2);
        Assert.Equal(12, variance, 1.2);
    }

    private static Tensor Prefix(Tensor x, int tokens)
    {
        var (heads, all, width) = (x.Shape[1], x.Shape[2], x.Shape[3]);
        var from = x.ToSingle();
        return Tensor.Of<float>([1, heads, tokens, width], [.. Enumerable.Range(0, heads).SelectMany(h => from[(h * all * width)..((h * all + tokens) * width)])]);
    }

    private static double Kernel() => Math.Exp(X.Zip(Y, (a, b) => (double)a * b).Sum());

    // One estimate per direction, in blocks of orthogonal ones.
    private static double[] KernelEstimates(bool isOrthogonal)
    {
        var network = new Network("n", new ModelOptions { Seed = 5 });
        var x = network.Input([1, 2, Width]);
        var directions = new FavorAttention { Features = Width * Blocks, IsOrthogonal = isOrthogonal }.Directions(x);
        var graph = network.Finish(FavorAttention.PositiveFeatures(x, directions));
        var phi = ReferenceEvaluator.Run(graph, new Dictionary<string, Tensor> { ["input"] = Tensor.Of<float>([1, 1, 2, Width], [.. X, .. Y]) })["logits"].ToSingle();
        var m = Width * Blocks;
        return [.. Enumerable.Range(0, m).Select(i => (double)phi[i] * phi[m + i] * m)];
    }

    private static double[] Means(double[] values, int size) => [.. values.Chunk(size).Where(c => c.Length == size).Select(c => c.Average())];

    private static (double Mean, double Variance) Moments(double[] values)
    {
        var mean = values.Average();
        return (mean, values.Average(v => (v - mean) * (v - mean)));
    }
}
