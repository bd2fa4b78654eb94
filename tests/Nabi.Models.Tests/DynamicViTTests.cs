using Nabi.Ops;

namespace Nabi.Models.Tests;

public class DynamicViTTests
{
    private static readonly ModelOptions Small = new() { Width = 0.17, Depth = 1.0 / 3, Input = [1, 28, 28], Classes = 5, Seed = 4 };

    [Fact]
    public void A_keep_ratio_of_seven_tenths_leaves_137_96_and_67_of_196_tokens()
    {
        var graph = Zoo.Find("dynamicvit-deit-small-0.7").Create(new ModelOptions { IsOnlyCounted = true });
        Assert.Equal([137, 96, 67], graph.Nodes.Where(n => n.Op is TopK).Select(n => n.Outputs[1].Shape[1]));
    }

    // Eqs. 10 and 11: what a kept token sees is what it would see alone with the kept ones.
    [Fact]
    public void Masked_attention_is_attention_over_the_kept_tokens_alone()
    {
        const int Heads = 2, Patches = 5, Features = 4;
        int[] kept = [0, 1, 3, 5];    // the class token and patches 0, 2 and 4
        float[] mask = [1, 0, 1, 0, 1];
        var rng = new Rng(3);
        float[] x = [.. Enumerable.Range(0, Heads * (Patches + 1) * Features).Select(_ => (float)rng.NextGaussian())];
        var masked = Attend(Patches + 1, x, f => DynamicViT.MaskedAttention(f, f, f, f.Network.Builder.Constant(Tensor.Of<float>([1, Patches], mask))));
        float[] chosen = [.. Enumerable.Range(0, Heads).SelectMany(h => kept.SelectMany(t => x[(((h * (Patches + 1)) + t) * Features)..][..Features]))];
        var alone = Attend(kept.Length, chosen, f => f.DotProductAttention(f, f));
        for (var h = 0; h < Heads; h++)
            for (var i = 0; i < kept.Length; i++)
                for (var d = 0; d < Features; d++)
                    Assert.Equal(alone[(((h * kept.Length) + i) * Features) + d], masked[(((h * (Patches + 1)) + kept[i]) * Features) + d], 1e-5f);
    }

    [Fact]
    public void Decisions_are_drawn_as_often_as_they_are_probable_and_never_undone()
    {
        const int Tokens = 4000;
        var network = new Network("n", new ModelOptions());
        var b = network.Builder;
        var scores = b.Mul(network.Input([Tokens, 2]).Value, 1.0);
        var before = b.Constant(Tensor.Of<float>([1, Tokens], [.. Enumerable.Range(0, Tokens).Select(i => i < Tokens / 2 ? 1f : 0f)]));
        var graph = network.Finish(new Feature(network, DynamicViT.Decide(new Feature(network, scores), before)));
        float[] logarithms = [.. Enumerable.Range(0, 2 * Tokens).Select(i => MathF.Log(i % 2 == 0 ? 0.8f : 0.2f))];
        var kept = ReferenceEvaluator.Run(graph, new Dictionary<string, Tensor> { ["input"] = Tensor.Of<float>([1, Tokens, 2], logarithms) }, new Rng(1))["logits"].ToSingle();
        Assert.All(kept, k => Assert.True(k is 0 or 1));
        Assert.All(kept[(Tokens / 2)..], k => Assert.Equal(0, k));
        // Three standard deviations of the mean of 2000 draws are 0.027.
        Assert.Equal(0.8, kept[..(Tokens / 2)].Average(), 0.027);
    }

    [Fact]
    public void The_gradient_passes_the_decisions_and_reaches_the_prediction_modules()
    {
        var graph = DynamicViT.Training(Small);
        var rewriter = new Rewriter(graph, i => i.Shape.With(0, 2));
        foreach (var node in graph.Nodes) rewriter.Visit(node, null);
        var parameters = graph.Parameters.Where(p => p.IsTrainable).ToArray();
        // Only the scores are differentiated, which the decisions reach through attention and nothing else.
        var loss = rewriter.Builder.ReduceSum(rewriter.Builder.Square(rewriter[graph.Outputs[0].Value]), [], keepdims: false);
        var gradients = Gradients.Add(rewriter.Builder, loss, [.. parameters.Select(p => rewriter[p])]);
        for (var i = 0; i < parameters.Length; i++) rewriter.Builder.Output($"gradient {parameters[i].Name}", gradients[i]);
        var image = Tensor.Of<float>([2, 1, 28, 28], [.. Enumerable.Range(0, 2 * 784).Select(i => MathF.Sin(i))]);
        var results = ReferenceEvaluator.Run(rewriter.Builder.Build(), new Dictionary<string, Tensor> { ["input"] = image }, new Rng(2));
        foreach (var parameter in parameters)
            Assert.True(results[$"gradient {parameter.Name}"].ToSingle().Any(g => g != 0), $"No gradient reaches {parameter.Name}.");
    }

    [Fact]
    public void Training_and_inference_have_the_same_parameters()
    {
        var (network, training) = (Zoo.Find("dynamicvit-deit-small-0.7").Create(Small), DynamicViT.Training(Small));
        Assert.Equal(Trained(network), Trained(training));

        static IEnumerable<(string, Shape)> Trained(Graph graph) => graph.Parameters.Where(p => p.IsTrainable).Select(p => (p.Name, p.Shape)).Order();
    }

    [Fact]
    public void The_ratio_term_is_the_squared_distance_of_what_is_kept_from_what_should_be()
    {
        // Prediction modules that keep (or drop) everything: log-probabilities of 0 and about -60.
        Assert.Equal((Square(0.3) + Square(1 - 0.49) + Square(1 - 0.343)) * 2 / 3, Loss(60), 1e-5);
        Assert.Equal((Square(0.7) + Square(0.49) + Square(0.343)) * 2 / 3, Loss(-60), 1e-5);

        static double Square(double x) => x * x;

        static double Loss(float bias)
        {
            var graph = DynamicViT.Training(Small);
            graph = graph.WithParameters(graph.Parameters.Where(p => p.Name.EndsWith("out3.bias", StringComparison.Ordinal))
                .ToDictionary(p => p.Name, _ => Tensor.Vector<float>([bias, 0])));
            return ReferenceEvaluator.Run(graph, new Dictionary<string, Tensor> { ["input"] = Tensor.Full([1, 1, 28, 28], 0.5f) }, new Rng(1))["auxiliary_loss"].Item();
        }
    }

    [Fact]
    public void A_teacher_that_says_the_same_adds_nothing()
    {
        var teacher = Zoo.Find("deit-small").Create(Small);
        var image = Tensor.Full([1, 1, 28, 28], 0.5f);
        // Everything is kept, so the student is the teacher.
        Assert.Equal(Loss(null), Loss(teacher), 1e-5);
        Assert.True(Loss(Zoo.Find("deit-small").Create(Small with { Seed = 9 })) > Loss(null) + 0.01);
        Assert.Throws<NabiException>(() => DynamicViT.Training(Small, 0.7, Zoo.Find("lenet5").Create(Small)));

        double Loss(Graph? teacher)
        {
            var graph = DynamicViT.Training(Small, 0.7, teacher);
            var weights = Zoo.Find("deit-small").Create(Small).Parameters.Where(p => p.IsTrainable).ToDictionary(p => p.Name, p => p.Data!);
            foreach (var p in graph.Parameters.Where(p => p.Name.EndsWith("out3.bias", StringComparison.Ordinal))) weights[p.Name] = Tensor.Vector<float>([60, 0]);
            return ReferenceEvaluator.Run(graph.WithParameters(weights), new Dictionary<string, Tensor> { ["input"] = image }, new Rng(1))["auxiliary_loss"].Item();
        }
    }

    private static float[] Attend(int tokens, float[] x, Func<Feature, Feature> attend)
    {
        var network = new Network("n", new ModelOptions());
        var graph = network.Finish(attend(network.Input([2, tokens, 4])));
        return ReferenceEvaluator.Run(graph, new Dictionary<string, Tensor> { ["input"] = Tensor.Of<float>([1, 2, tokens, 4], x) })["logits"].ToSingle();
    }
}
