using Nabi.Ops;
using Nabi.TestSuite;

namespace Nabi.Core.Tests;

public class GraphTests
{
    [Fact]
    public void Build_leaves_out_what_reaches_no_output()
    {
        var b = new GraphBuilder("g");
        var x = b.Input("x", DType.Float32, [2]);
        b.Exp(b.Add(x, b.Parameter("dead", OperatorCases.Float(2))));
        b.Output("y", b.Relu(x));
        var graph = b.Build();

        Assert.Single(graph.Nodes);
        Assert.Empty(graph.Parameters);
        Assert.Equal(1, graph.Inputs[0].UseCount);
        Assert.Null(Verifier.FirstFault(graph));
    }

    [Fact]
    public void Rewrite_replaces_a_matched_pattern()
    {
        var b = new GraphBuilder("g");
        var x = b.Input("x", DType.Float32, [2]);
        b.Output("y", b.Exp(b.Neg(b.Neg(x))));
        var graph = b.Build().Rewrite((node, r) =>
            node is { Op: Neg, Inputs: [{ Producer: { Op: Neg } inner, UseCount: 1 }] } ? [r[inner.Inputs[0]!]] : null);

        Assert.Equal(["Exp"], graph.Nodes.Select(n => n.Op.Name));
    }

    [Fact]
    public void A_wrong_shape_names_the_node()
    {
        var b = new GraphBuilder("g");
        var e = Assert.Throws<NabiException>(() => b.MatMul(b.Input("x", DType.Float32, [2, 3]), b.Input("w", DType.Float32, [4, 5])));
        Assert.Contains("Node 'MatMul'", e.Message);
        Assert.Contains("3 columns against 4 rows", e.Message);
    }

    [Fact]
    public void An_unknown_batch_flows_through_reshape()
    {
        var b = new GraphBuilder("g");
        var x = b.Input("x", DType.Float32, [Shape.Unknown, 16, 4, 4]);
        Assert.Equal([Shape.Unknown, 256], b.Reshape(x, [Shape.Unknown, 256]).Shape);
    }

    [Fact]
    public void Updates_change_the_parameter_after_the_run()
    {
        var b = new GraphBuilder("g");
        var w = b.Parameter("w", Tensor.Vector(1f, 2f));
        var x = b.Input("x", DType.Float32, [2]);
        b.Output("y", b.Mul(w, x));
        b.Update(w, b.Add(w, x));
        var graph = b.Build();
        var y = ReferenceEvaluator.Run(graph, new Dictionary<string, Tensor> { ["x"] = Tensor.Vector(10f, 20f) })["y"];

        Assert.Equal([10f, 40f], y.ToSingle());
        Assert.Equal([11f, 22f], w.Data!.ToSingle());
    }

    [Fact]
    public void QuestionsThatADataValueCannotAnswerAreTheUsersFaults()
    {
        Assert.Contains("[2]", Assert.Throws<NabiException>(() => Tensor.Vector<float>([1, 2]).Item()).Message, StringComparison.Ordinal);
        Assert.Throws<NabiException>(() => Shape.Unranked.Rank);
        Assert.Throws<NabiException>(() => Shape.OfRank(2).Count);
    }
}
