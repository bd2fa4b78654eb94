namespace Nabi.Models.Tests;

/// <summary>The language model and the classifiers by efficient attention, as trainings see them.</summary>
public class SequenceModelTests
{
    [Theory]
    [InlineData("linformer")]
    [InlineData("performer")]
    [InlineData("reformer")]
    [InlineData("gpt-nano")]
    public void A_gradient_reaches_every_parameter_and_a_step_down_it_lowers_the_loss(string name)
    {
        var isText = name == "gpt-nano";
        var model = Zoo.Find(name).Create(new ModelOptions { Width = 0.25, Depth = 1.0 / 12, Input = isText ? [8] : [1, 12, 12], Classes = 7, Seed = 4 });
        var rewriter = new Rewriter(model, i => i.Shape.With(0, 2));
        foreach (var node in model.Nodes) rewriter.Visit(node, null);
        var b = rewriter.Builder;
        var scores = b.Reshape(rewriter[model.Outputs[0].Value], [isText ? 16 : 2, 7]);
        var loss = b.SoftmaxCrossEntropy(scores, b.Constant(Tensor.Of<long>([scores.Shape[0]], [.. Enumerable.Range(0, scores.Shape[0]).Select(i => i * 3L % 7)])));
        Value[] learned = [.. model.Parameters.Where(p => p.IsTrainable).Select(p => rewriter[p])];
        var gradients = Gradients.Add(b, loss, learned);
        b.Output("loss", loss);
        for (var i = 0; i < learned.Length; i++) b.Output(learned[i].Name, gradients[i]);
        var graph = b.Build();
        var feed = new Dictionary<string, Tensor> { ["input"] = TestSuite.RandomFeed.For(model, new Rng(5), batch: 2)["input"] };

        var first = ReferenceEvaluator.Run(graph, feed);
        var stepped = new Dictionary<string, Tensor>();
        foreach (var p in learned)
        {
            var (w, gradient) = (p.Data!.ToSingle(), first[p.Name].ToSingle());
            Assert.All(gradient, g => Assert.True(float.IsFinite(g), p.Name));
            // The same number on every score of a query is nothing to a softmax, so the bias of its keys has no gradient.
            Assert.True(gradient.Any(g => g != 0) || p.Name.EndsWith(".k.bias", StringComparison.Ordinal), $"nothing reaches {p.Name}");
            stepped[p.Name] = Tensor.Of<float>(p.Shape, [.. w.Zip(gradient, (x, g) => x - 0.02f * g)]);
        }
        var second = ReferenceEvaluator.Run(graph.WithParameters(stepped), feed);
        Assert.True(second["loss"].Item() < first["loss"].Item(), $"{first["loss"].Item()} became {second["loss"].Item()}");
    }

    [Fact]
    public void The_inputs_of_a_reversible_block_can_be_computed_from_its_outputs()
    {
        var network = new Network("n", new ModelOptions());
        var b = network.Builder;
        var (x1, x2) = (network.Input([3, 4]), network.Input([3, 4]));
        Feature F(Feature x) => x with { Value = b.Sin(x.Value) };
        var (y1, y2) = Reformer.Reversible(x1, x2, F, x => x.Gelu());
        var again2 = y2 with { Value = b.Sub(y2.Value, y1.Gelu().Value) };
        b.Output("x1", b.Sub(y1.Value, F(again2).Value));
        b.Output("x2", again2.Value);
        var graph = b.Build();
        var feed = TestSuite.RandomFeed.For(graph, new Rng(2));
        var actual = ReferenceEvaluator.Run(graph, feed);
        foreach (var (input, output) in graph.Inputs.Zip(["x1", "x2"]))
            Assert.All(feed[input.Name].ToSingle().Zip(actual[output].ToSingle()), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
    }
}
