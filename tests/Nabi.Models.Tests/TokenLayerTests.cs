namespace Nabi.Models.Tests;

public class TokenLayerTests
{
    [Fact]
    public void A_prepended_token_stands_before_the_others_for_any_batch()
    {
        var network = new Network("n", new ModelOptions { Seed = 1 });
        var graph = network.Finish(network.Input([2, 3]).PrependToken());
        var token = graph.Parameters.Single(p => p.Name == "cls_token").Data!.ToSingle();
        float[] x = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        Assert.Equal([.. token, .. x[..6], .. token, .. x[6..]], Run(graph, Tensor.Of<float>([2, 2, 3], x)));
    }

    [Fact]
    public void Images_become_tokens_row_by_row_and_back()
    {
        var network = new Network("n", new ModelOptions());
        var image = network.Input([2, 2, 3]);
        var tokens = image.ImageToTokens();
        Assert.Equal([Shape.Unknown, 6, 2], tokens.Value.Shape);
        network.Builder.Output("tokens", tokens.Value);
        var graph = network.Finish(tokens.TokensToImage(2, 3));
        float[] x = [.. Enumerable.Range(0, 12).Select(i => (float)i)];
        var outputs = ReferenceEvaluator.Run(graph, new Dictionary<string, Tensor> { ["input"] = Tensor.Of<float>([1, 2, 2, 3], x) });
        Assert.Equal([0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11], outputs["tokens"].ToSingle());
        Assert.Equal(x, outputs["logits"].ToSingle());
    }

    [Fact]
    public void Attention_to_equal_keys_is_the_mean_of_the_values()
    {
        var network = new Network("n", new ModelOptions());
        var x = network.Input([3, 4]).SplitHeads(2);
        var equal = x with { Value = network.Builder.Mul(x.Value, 0.0) };
        var graph = network.Finish(x.DotProductAttention(equal, x).MergeHeads());
        float[] input = [.. Enumerable.Range(0, 12).Select(i => (float)(i * i))];
        var actual = Run(graph, Tensor.Of<float>([1, 3, 4], input));
        for (var i = 0; i < 12; i++) Assert.Equal((input[i % 4] + input[i % 4 + 4] + input[i % 4 + 8]) / 3, actual[i], 1e-4f);
    }

    [Fact]
    public void Truncated_normal_weights_stay_within_two_deviations()
    {
        var weights = new Network("n", new ModelOptions()).TruncatedNormal([10_000]).ToSingle();
        Assert.All(weights, w => Assert.InRange(w, -0.04f, 0.04f));
        // The variance of a normal truncated at two deviations is 0.774 of the whole one's.
        Assert.Equal(0.02 * Math.Sqrt(0.774), Math.Sqrt(weights.Average(w => (double)w * w)), 3e-4);
    }

    private static float[] Run(Graph graph, Tensor input) =>
        ReferenceEvaluator.Run(graph, new Dictionary<string, Tensor> { ["input"] = input })["logits"].ToSingle();
}
