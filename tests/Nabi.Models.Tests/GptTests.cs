using Nabi.Ops;

namespace Nabi.Models.Tests;

public class GptTests
{
    private static readonly ModelOptions Tiny = new() { Input = [8], Classes = 11, Seed = 2 };

    [Fact]
    public void At_the_size_of_the_smallest_gpt2_it_has_its_parameters()
    {
        // 124,439,808 in the released model: 50257 x 768 tokens, 1024 positions, 12 blocks.
        var graph = Gpt.Build("gpt2", new ModelOptions { Input = [1024], Classes = 50257, IsOnlyCounted = true }, new Gpt.Size(12, 12, 768));
        Assert.Equal(124_439_808, graph.Parameters.Where(p => p.IsTrainable).Sum(p => (long)p.Shape.Count));
    }

    [Fact]
    public void A_token_changes_no_logit_before_it()
    {
        var graph = Zoo.Find("gpt-nano").Create(Tiny);
        long[] text = [1, 7, 3, 9, 0, 10, 2, 5];
        var before = Logits(graph, text);
        for (var changed = 0; changed < text.Length; changed++)
        {
            var after = Logits(graph, [.. text[..changed], (text[changed] + 1) % 11, .. text[(changed + 1)..]]);
            Assert.Equal(before[..(changed * 11)], after[..(changed * 11)]);
            Assert.NotEqual(before[(changed * 11)..((changed + 1) * 11)], after[(changed * 11)..((changed + 1) * 11)]);
        }
    }

    [Fact]
    public void Embedding_and_output_share_one_table()
    {
        var graph = Zoo.Find("gpt-nano").Create(Tiny);
        var table = Assert.Single(graph.Parameters, p => p.Shape.Contains(11));
        Assert.Equal([typeof(Gather), typeof(Gemm)], table.Users.Select(u => u.Op.GetType()).OrderBy(t => t.Name));
    }

    [Fact]
    public void Residual_projections_start_smaller_with_depth()
    {
        var graph = Zoo.Find("gpt-mini").Create(new ModelOptions { Seed = 1 });
        double Deviation(string name) => Math.Sqrt(graph.Parameters.Single(p => p.Name == name).Data!.ToSingle().Average(w => (double)w * w));
        Assert.Equal(0.02, Deviation("h.3.mlp.fc.weight"), 3e-4);
        Assert.Equal(0.02 / Math.Sqrt(12), Deviation("h.3.mlp.proj.weight"), 1e-4);
        Assert.Equal(0.02 / Math.Sqrt(12), Deviation("h.0.attn.proj.weight"), 1e-4);
    }

    [Fact]
    public void A_step_down_the_gradient_predicts_a_repeated_text_better()
    {
        var model = Zoo.Find("gpt-nano").Create(Tiny);
        var rewriter = new Rewriter(model, i => i.Shape.With(0, 2));
        foreach (var node in model.Nodes) rewriter.Visit(node, null);
        var b = rewriter.Builder;
        var next = b.Input("next", DType.Int64, [16]);
        var loss = b.SoftmaxCrossEntropy(b.Reshape(rewriter[model.Outputs[0].Value], [16, 11]), next);
        Value[] learned = [.. model.Parameters.Where(p => p.IsTrainable).Select(p => rewriter[p])];
        var gradients = Gradients.Add(b, loss, learned);
        b.Output("loss", loss);
        for (var i = 0; i < learned.Length; i++) b.Output($"step{i}", b.Sub(learned[i], b.Mul(gradients[i], 0.1)));
        var graph = b.Build();
        var feed = new Dictionary<string, Tensor>
        {
            ["input"] = Tensor.Of<long>([2, 8], [1, 2, 3, 4, 1, 2, 3, 4, 3, 4, 1, 2, 3, 4, 1, 2]),
            ["next"] = Tensor.Of<long>([16], [2, 3, 4, 1, 2, 3, 4, 1, 4, 1, 2, 3, 4, 1, 2, 3]),
        };
        var first = ReferenceEvaluator.Run(graph, feed);
        Assert.Equal(Math.Log(11), first["loss"].Item(), 0.1);
        var stepped = graph.WithParameters(learned.Select((p, i) => (p.Name, first[$"step{i}"])).ToDictionary(p => p.Name, p => p.Item2));
        Assert.All(learned.Select((p, i) => (p.Name, p.Data!, first[$"step{i}"])), p => Assert.NotEqual(p.Item2.ToSingle(), p.Item3.ToSingle()));
        Assert.True(ReferenceEvaluator.Run(stepped, feed)["loss"].Item() < first["loss"].Item() - 0.05);
    }

    private static float[] Logits(Graph graph, long[] text) =>
        ReferenceEvaluator.Run(graph, new Dictionary<string, Tensor> { ["input"] = Tensor.Of<long>([1, text.Length], text) })["logits"].ToSingle();
}
