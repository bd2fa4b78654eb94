namespace Nabi.Models.Tests;

public class EViTTests
{
    private static readonly ModelOptions Small = new() { Width = 0.17, Depth = 1.0 / 3, Input = [1, 28, 28], Classes = 5, Seed = 4 };

    [Fact]
    public void The_most_attentive_tokens_stay_and_the_others_become_their_weighted_sum()
    {
        var network = new Network("n", new ModelOptions());
        var tokens = network.Input([6, 2]);
        var attentiveness = tokens with { Value = network.Builder.Slice(network.Builder.Squeeze(network.Builder.Slice(tokens.Value, 2, 1, 2), 2), 1, 1) };
        var graph = network.Finish(EViT.Reorganize(tokens, attentiveness, 2));
        // The second feature of a token is how much the class token attends to it.
        float[] x =
        [
            10, 0, 20, 0.1f, 30, 0.4f, 40, 0.05f, 50, 0.25f, 60, 0.2f,
            1, 0, 2, 0.3f, 3, 0.3f, 4, 0.2f, 5, 0.1f, 6, 0.1f,
        ];
        var y = ReferenceEvaluator.Run(graph, new Dictionary<string, Tensor> { ["input"] = Tensor.Of<float>([2, 6, 2], x) })["logits"];
        Assert.Equal([2, 4, 2], y.Shape);
        float[] expected =
        [
            10, 0, 30, 0.4f, 50, 0.25f, (20 * 0.1f) + (40 * 0.05f) + (60 * 0.2f), (0.1f * 0.1f) + (0.05f * 0.05f) + (0.2f * 0.2f),
            1, 0, 2, 0.3f, 3, 0.3f, (4 * 0.2f) + (5 * 0.1f) + (6 * 0.1f), (0.2f * 0.2f) + (0.1f * 0.1f) + (0.1f * 0.1f),
        ];
        var actual = y.ToSingle();
        for (var i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 1e-5f);
    }

    [Fact]
    public void Attentiveness_is_the_mean_of_the_heads_attention_from_the_class_token()
    {
        var network = new Network("n", new ModelOptions());
        var graph = network.Finish(EViT.Attentiveness(network.Input([2, 3, 3])));
        float[] x = [1, 2, 3, 9, 9, 9, 9, 9, 9, 5, 8, 1, 9, 9, 9, 9, 9, 9];
        Assert.Equal([5f, 2f], ReferenceEvaluator.Run(graph, new Dictionary<string, Tensor> { ["input"] = Tensor.Of<float>([1, 2, 3, 3], x) })["logits"].ToSingle());
    }

    [Fact]
    public void A_keep_rate_of_one_is_deit()
    {
        var image = Tensor.Of<float>([2, 1, 28, 28], [.. Enumerable.Range(0, 2 * 784).Select(i => MathF.Sin(i))]);
        var (deit, evit) = (Zoo.Find("deit-small").Create(Small), EViT.Build("evit", 1, Small));
        Assert.Equal(Run(deit, image), Run(evit.WithLearned(deit), image));
        Assert.NotEqual(Run(deit, image), Run(EViT.Build("evit", 0.7, Small).WithLearned(deit), image));
    }

    [Fact]
    public void Tokens_are_counted_with_the_fused_one()
    {
        // Of 196: ceil(0.7 x 196) = 138 and the fused one; ceil(0.7 x 139) = 98; ceil(0.7 x 99) = 70.
        var graph = Zoo.Find("evit-deit-small-0.7").Create(new ModelOptions { IsOnlyCounted = true });
        var tokens = graph.Nodes.Where(n => n.Op is Ops.Concat).Select(n => n.Output.Shape[1]);
        Assert.Equal([140, 100, 72], tokens);
    }

    private static float[] Run(Graph graph, Tensor image) =>
        ReferenceEvaluator.Run(graph, new Dictionary<string, Tensor> { ["input"] = image })["logits"].ToSingle();
}
