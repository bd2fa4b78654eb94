using Nabi.Ops;
using Nabi.Passes;
using Nabi.TestSuite;

namespace Nabi.Core.Tests.Operators;

public class StraightThroughTests
{
    [Fact]
    public void The_value_is_seen_and_the_surrogate_learns()
    {
        var b = new GraphBuilder("g");
        var x = b.Input("x", DType.Float32, [5]);
        var sign = b.StraightThrough(b.Sign(x), b.Clip(x, -1, 1));
        b.Output("y", sign);
        b.Output("g", Gradients.Add(b, b.ReduceSum(b.Mul(sign, b.Constant(Tensor.Vector(1f, 2, 3, 4, 5))), [], keepdims: false), [x])[0]);
        var outputs = ReferenceEvaluator.Run(b.Build(), new Dictionary<string, Tensor> { ["x"] = Tensor.Vector(-3f, -0.5f, 0.25f, 0.75f, 2) });
        Assert.Equal([-1f, -1, 1, 1, 1], outputs["y"].ToSingle());
        Assert.Equal([0f, 2, 3, 4, 0], outputs["g"].ToSingle());
    }

    [Fact]
    public void Only_the_value_is_left_for_inference()
    {
        var b = new GraphBuilder("g");
        var x = b.Input("x", DType.Float32, [Shape.Unknown, 4]);
        b.Output("y", b.StraightThrough(b.Round(x), b.Tanh(x)));
        var graph = b.Build();
        foreach (var passes in (Pass[][])[[RemoveStraightThrough.Pass], [.. Simplification.ForInference], [Standardize.Pass]])
            Assert.Equal("Round", Assert.Single(graph.Through(passes).Nodes).Op.Name);
        Assert.Contains(graph.Through([.. Simplification.Standard]).Nodes, n => n.Op is StraightThrough);
    }

    [Fact]
    public void Value_and_surrogate_must_be_alike()
    {
        var b = new GraphBuilder("g");
        var x = b.Input("x", DType.Float32, [3, 4]);
        var e = Assert.Throws<NabiException>(() => b.StraightThrough(x, b.Constant(OperatorCases.Float(4))));
        Assert.Contains("surrogate", e.Message, StringComparison.Ordinal);
    }
}
