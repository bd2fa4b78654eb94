using Nabi.Ops;

namespace Nabi.Passes;

/// <summary>
/// Computes once what is computed twice: the same deterministic operator on the same inputs. Small equal constants become one, but not the statistics
/// of batch normalizations, which are equal before a training and different after it.
/// </summary>
public static class CommonSubexpressions
{
    private const int LargestConstant = 1024;

    /// <summary>The pass.</summary>
    public static Pass Pass { get; } = new("merge common subexpressions", Run);

    private static Graph Run(Graph graph)
    {
        var constants = new Dictionary<string, Value>(StringComparer.Ordinal);
        var nodes = new Dictionary<Computation, IReadOnlyList<Value>>();
        var rewriter = new Rewriter(graph);
        foreach (var node in graph.Nodes)
        {
            var inputs = node.Inputs.Select((v, i) => IsStatistic(node, i) ? rewriter.Map(v) : Canonical(rewriter.Map(v), constants)).ToArray();
            var computation = new Computation(node.Op, inputs, node.Outputs.Count);
            if (!node.Op.IsDeterministic || !nodes.TryGetValue(computation, out var outputs))
            {
                outputs = rewriter.Builder.ApplyNamed(node.Op, node.Name, node.Outputs.Count, inputs, [.. node.Outputs.Select(o => o.Name)]);
                nodes[computation] = outputs;
            }
            rewriter.Visit(node, outputs);
        }
        return rewriter.Finish();
    }

    private static bool IsStatistic(Node node, int input) => node.Op is BatchNormalization && input >= 3;

    private static Value? Canonical(Value? value, Dictionary<string, Value> constants)
    {
        if (value?.Constant is not { } tensor || tensor.Bytes.Length > LargestConstant) return value;
        var content = $"{tensor.Type} {Convert.ToHexString(tensor.Bytes)}";
        return constants.TryAdd(content, value) ? value : constants[content];
    }

    private sealed record Computation(Op Op, ValueArray<Value?> Inputs, int Outputs);
}
