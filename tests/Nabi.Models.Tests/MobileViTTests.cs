namespace Nabi.Models.Tests;

public class MobileViTTests
{
    [Fact]
    public void Unfolding_gathers_equal_places_of_all_patches_and_folding_undoes_it()
    {
        var network = new Network("n", new ModelOptions());
        var unfolded = MobileViT.Unfold(network.Input([2, 4, 6]), 2);
        Assert.Equal([Shape.Unknown, 6, 2], unfolded.Value.Shape);
        network.Builder.Output("unfolded", unfolded.Value);
        var graph = network.Finish(MobileViT.Fold(unfolded, 2, 2, 3));
        float[] x = [.. Enumerable.Range(0, 96).Select(i => (float)i)];
        var outputs = ReferenceEvaluator.Run(graph, new Dictionary<string, Tensor> { ["input"] = Tensor.Of<float>([2, 2, 4, 6], x) });
        Assert.Equal([8, 6, 2], outputs["unfolded"].Shape);
        // The first sequence holds the upper left pixels of the 2 x 3 patches of sample 0, the fifth those of sample 1.
        float[] corners = [0, 2, 4, 12, 14, 16];
        Assert.Equal(corners.SelectMany(p => new[] { p, p + 24 }), outputs["unfolded"].ToSingle()[..12]);
        Assert.Equal(corners.SelectMany(p => new[] { p + 48, p + 72 }), outputs["unfolded"].ToSingle()[48..60]);
        // The fourth one their lower right pixels.
        Assert.Equal(corners.SelectMany(p => new[] { p + 7, p + 31 }), outputs["unfolded"].ToSingle()[36..48]);
        Assert.Equal(x, outputs["logits"].ToSingle());
    }

    [Fact]
    public void Maps_that_patches_do_not_divide_are_resampled()
    {
        // 28 x 28: maps of 28, 14, 7, 4 and 2 pixels; 7 does not divide by 2.
        var graph = Zoo.Find("mobilevit-xxs").Create(new ModelOptions { Width = 0.25, Input = [1, 28, 28], Classes = 3 });
        Assert.Equal(2, graph.Nodes.Count(n => n.Op is Ops.Resize));
        var input = Tensor.Of<float>([2, 1, 28, 28], [.. Enumerable.Range(0, 2 * 784).Select(i => i % 13 / 13f)]);
        var logits = ReferenceEvaluator.Run(graph, new Dictionary<string, Tensor> { ["input"] = input })["logits"];
        Assert.Equal([2, 3], logits.Shape);
        Assert.All(logits.ToSingle(), v => Assert.True(float.IsFinite(v)));
    }
}
