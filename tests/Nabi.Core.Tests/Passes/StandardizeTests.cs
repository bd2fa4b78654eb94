using Nabi.Ops;
using Nabi.Passes;
using Nabi.TestSuite;

namespace Nabi.Core.Tests.Passes;

public class StandardizeTests
{
    public static TheoryData<int, string> Cases()
    {
        var data = new TheoryData<int, string>();
        for (var i = 0; i < OperatorCases.All.Count; i++)
            if (OperatorCases.All[i].Op is Shift or AdderConv or Binarize or Ternarize) data.Add(i, OperatorCases.All[i].Name);
        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_standard_form_computes_the_same(int index, string name)
    {
        var @case = OperatorCases.All[index];
        var graph = @case.Graph();
        var standard = graph.Through(Standardize.Pass);
        Assert.All(standard.Nodes, n => Assert.Equal("", n.Op.Domain));
        var (expected, actual) = (ReferenceEvaluator.Run(graph, @case.Feed())["y0"].ToSingle(), ReferenceEvaluator.Run(standard, @case.Feed())["y0"].ToSingle());
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++) Assert.True(Math.Abs(expected[i] - actual[i]) <= 1e-4, $"{name}: {expected[i]} became {actual[i]}.");
    }

    [Fact]
    public void Many_filters_are_treated_in_parts()
    {
        var b = new GraphBuilder("g");
        var x = b.Input("x", DType.Float32, [Shape.Unknown, 64, 96, 96]);
        b.Output("y", b.Apply(new AdderConv(), x, b.Parameter("f", Tensor.Zeros(DType.Float32, [16, 64, 1, 1]))));
        var standard = b.Build().Through(Standardize.Pass).WithBatch(1);
        Assert.Equal([1, 16, 96, 96], standard.Outputs[0].Value.Shape);
        Assert.All(standard.Nodes, n => Assert.True(n.Output.Shape.Count <= 1 << 22));
    }

    [Fact]
    public void Standard_graphs_and_what_has_no_standard_form_stay()
    {
        var b = new GraphBuilder("g");
        var x = b.Input("x", DType.Float32, [2, 3]);
        b.Output("y", b.Apply(new FakeQuantize(), b.Relu(x), b.Constant(Tensor.Scalar(0.1f))));
        var graph = b.Build();
        Assert.Equal(graph.ToString(), graph.Through(Standardize.Pass).ToString());
    }
}
