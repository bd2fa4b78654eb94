using Nabi.TestSuite;

namespace Nabi.Core.Tests;

/// <summary>What shape inference says of every operator case holds for what evaluation gives when dimensions of the data are not known.</summary>
public class InferenceTests
{
    public static TheoryData<int, string> Cases()
    {
        var data = new TheoryData<int, string>();
        for (var i = 0; i < OperatorCases.All.Count; i++) data.Add(i, OperatorCases.All[i].Name);
        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Inference_with_an_unknown_dimension_holds(int index, string name)
    {
        Assert.NotEmpty(name);
        var graph = OperatorCases.All[index].Graph();
        var results = ReferenceEvaluator.Run(graph, OperatorCases.All[index].Feed());
        foreach (var axis in Enumerable.Range(0, 4))
        {
            var shapes = graph.Inputs.Where(i => i.Name == "x0" && i.Shape.Rank > axis).ToDictionary(i => i.Name, i => i.Shape.With(axis, Shape.Unknown));
            AssertHolds(graph.WithInputShapes(shapes), results);
        }
    }

    private static void AssertHolds(Graph graph, IReadOnlyDictionary<string, Tensor> results)
    {
        foreach (var output in graph.Outputs)
        {
            Assert.Equal(results[output.Name].DType, output.Value.DType);
            Assert.True(output.Value.Shape.Accepts(results[output.Name].Shape), $"{output.Value} holds {results[output.Name].Type}.");
        }
    }
}
