using Nabi.Ops;

namespace Nabi.Runtime.Tests.Planning;

/// <summary>Choices that are made while a plan runs.</summary>
public class ChoiceTests
{
    [Fact]
    public void Choosing_tokens_and_its_gradient_need_no_reference_evaluation()
    {
        var b = new GraphBuilder("choice");
        var (scores, tokens) = (b.Input("scores", DType.Float32, [3, 40]), b.Input("tokens", DType.Float32, [3, 40, 21]));
        var chosen = b.Apply(new GatherND { BatchDims = 1 }, tokens, b.Unsqueeze(b.ApplyAll(new TopK(), 2, scores, b.Integers(9))[1], 2));
        b.Output("gradient", Gradients.Add(b, b.ReduceSum(b.Mul(chosen, chosen), [], keepdims: false), [tokens])[0]);
        var graph = b.Build();
        var rng = new Rng(4);
        Tensor Random(Shape shape) => Tensor.Of<float>(shape, [.. Enumerable.Range(0, shape.Count).Select(_ => (float)rng.NextGaussian())]);
        var feed = new Dictionary<string, Tensor> { ["scores"] = Random([3, 40]), ["tokens"] = Random([3, 40, 21]) };
        using var session = new Session(graph, new SessionOptions { Threads = 2 });
        Assert.Equal(ReferenceEvaluator.Run(graph, feed)["gradient"].ToSingle(), session.Run(feed)["gradient"].ToSingle());
        Assert.Empty(session.Plan!.ReferenceKernels);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(-5)]
    public void An_index_outside_the_data_is_refused(long index)
    {
        var b = new GraphBuilder("choice");
        b.Output("y", b.Gather(b.Input("x", DType.Float32, [4, 3]), b.Input("indices", DType.Int64, [2])));
        using var session = new Session(b.Build(), new SessionOptions { Threads = 1 });
        var error = Assert.Throws<NabiException>(() => session.Run(new Dictionary<string, Tensor>
        {
            ["x"] = Tensor.Zeros(DType.Float32, [4, 3]), ["indices"] = Tensor.Vector<long>(0, index),
        }));
        Assert.Contains($"ndex {index} is outside", error.Message, StringComparison.Ordinal);
    }
}
