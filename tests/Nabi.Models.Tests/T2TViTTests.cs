namespace Nabi.Models.Tests;

public class T2TViTTests
{
    [Theory]
    [InlineData(7, 4, 2, 13, 11)]
    [InlineData(3, 2, 1, 8, 9)]
    [InlineData(3, 1, 1, 5, 4)]
    public void Unfolding_gives_every_window_channel_by_channel_and_row_by_row(int kernel, int stride, int pad, int height, int width)
    {
        const int Samples = 2, Channels = 3;
        var network = new Network("n", new ModelOptions());
        var graph = network.Finish(T2TViT.Unfold(network.Input([Channels, height, width]), kernel, stride, pad));
        float[] x = [.. Enumerable.Range(1, Samples * Channels * height * width).Select(i => (float)i)];
        var output = ReferenceEvaluator.Run(graph, new Dictionary<string, Tensor> { ["input"] = Tensor.Of<float>([Samples, Channels, height, width], x) })["logits"];

        var expected = new List<float>();
        for (var n = 0; n < Samples; n++)
            for (var top = -pad; top + kernel <= height + pad; top += stride)
                for (var left = -pad; left + kernel <= width + pad; left += stride)
                    for (var c = 0; c < Channels; c++)
                        for (var i = top; i < top + kernel; i++)
                            for (var j = left; j < left + kernel; j++)
                                expected.Add(i < 0 || i >= height || j < 0 || j >= width ? 0 : x[((n * Channels + c) * height + i) * width + j]);
        Assert.Equal(Channels * kernel * kernel, output.Shape[2]);
        Assert.Equal(expected, output.ToSingle());
    }

    [Fact]
    public void Positions_and_random_features_are_fixed_and_the_features_orthogonal()
    {
        var graph = Zoo.Find("t2t-vit-7").Create(new ModelOptions { Input = [1, 28, 28], Seed = 5 });
        var features = graph.Parameters.Single(p => p.Name == "tokens1.features");
        Assert.False(features.IsTrainable);
        Assert.False(graph.Parameters.Single(p => p.Name == "pos_embed").IsTrainable);
        var (w, count) = (features.Data!.ToSingle(), features.Shape[1]);
        for (var a = 0; a < count; a++)
        {
            for (var b = 0; b <= a; b++)
            {
                var product = Enumerable.Range(0, features.Shape[0]).Sum(i => w[i * count + a] * w[i * count + b]);
                Assert.Equal(a == b ? count : 0, product, 1e-3f);
            }
        }
    }
}
