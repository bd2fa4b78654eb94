using Nabi.Ops;
using Nabi.TestSuite;

namespace Nabi.Core.Tests.Operators;

public class OperatorCoverageTests
{
    private const string Chance = "executors need not draw the same numbers; see RandomTests";

    // Operators without a case, and why.
    private static readonly Dictionary<string, string> WithoutCase = new(StringComparer.Ordinal)
    {
        [nameof(RandomNormal)] = Chance,
        [nameof(RandomNormalLike)] = Chance,
        [nameof(RandomUniform)] = Chance,
        [nameof(RandomUniformLike)] = Chance,
        [nameof(Bernoulli)] = Chance,
        [nameof(Multinomial)] = Chance,
    };

    [Fact]
    public void Every_operator_has_a_case()
    {
        var covered = OperatorCases.All.Select(c => c.Op.GetType()).ToHashSet();
        var missing = typeof(Op).Assembly.GetTypes()
            .Where(t => t.IsSubclassOf(typeof(Op)) && !t.IsAbstract && !covered.Contains(t) && !WithoutCase.ContainsKey(t.Name))
            .Select(t => t.Name);
        Assert.Empty(missing);
    }

    [Fact]
    public void No_operator_with_a_case_is_listed_as_without()
    {
        Assert.Empty(OperatorCases.All.Select(c => c.Op.GetType().Name).Intersect(WithoutCase.Keys));
    }

    public static TheoryData<int, string> Indices()
    {
        var data = new TheoryData<int, string>();
        for (var i = 0; i < OperatorCases.All.Count; i++) data.Add(i, OperatorCases.All[i].Name);
        return data;
    }

    [Theory]
    [MemberData(nameof(Indices))]
    public void Inference_announces_what_evaluation_returns(int index, string name)
    {
        Assert.NotEmpty(name);
        var @case = OperatorCases.All[index];
        var graph = @case.Graph();
        var results = ReferenceEvaluator.Run(graph, @case.Feed());
        foreach (var output in graph.Outputs)
        {
            Assert.Equal(output.Value.DType, results[output.Name].DType);
            Assert.True(output.Value.Shape.Accepts(results[output.Name].Shape), $"{output.Value.Shape} was announced, {results[output.Name].Shape} came.");
        }
    }

    [Theory]
    [MemberData(nameof(Indices))]
    public void Evaluation_leaves_its_inputs_alone(int index, string name)
    {
        Assert.NotEmpty(name);
        var @case = OperatorCases.All[index];
        var before = @case.Inputs.Select(t => t?.Bytes.ToArray()).ToArray();
        ReferenceEvaluator.Run(@case.Graph(), @case.Feed());
        Assert.Equal(before, @case.Inputs.Select(t => t?.Bytes.ToArray()));
    }
}
