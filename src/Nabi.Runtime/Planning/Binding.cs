namespace Nabi.Runtime.Planning;

/// <summary>Fixes a graph's input shapes and computes what follows from them, so that every type is known.</summary>
internal static class Binding
{
    // A folded constant larger than this, and larger than all it is made from, would only cost memory.
    private const long LargestGrowth = 1 << 16;

    /// <summary>The graph with known shapes, or null if a shape inside depends on data.</summary>
    public static Graph? Bind(Graph graph, Shape[] shapes)
    {
        var byName = graph.Inputs.Zip(shapes).ToDictionary(p => p.First.Name, p => p.Second, StringComparer.Ordinal);
        foreach (var input in graph.Inputs)
            if (!byName[input.Name].IsKnown || !input.Shape.Accepts(byName[input.Name]))
                throw new NabiException($"Input '{input.Name}' of graph '{graph.Name}' is {input.Type}; it cannot be bound to shape {byName[input.Name]}.");
        var rewriter = new Rewriter(graph, input => byName[input.Name]);
        foreach (var node in graph.Nodes) rewriter.Visit(node, Fold(node, rewriter));
        var bound = rewriter.Finish();
        return bound.Nodes.All(n => n.Outputs.All(o => o.Shape.IsKnown)) ? bound : null;
    }

    private static IReadOnlyList<Value>? Fold(Node node, Rewriter rewriter)
    {
        if (!node.Op.IsDeterministic) return null;
        long bytes = 0;
        var inputs = new Tensor?[node.Inputs.Count];
        for (var i = 0; i < inputs.Length; i++)
        {
            if (node.Inputs[i] is not { } input) continue;
            if (rewriter[input].Constant is not { } constant)
                return node.Op is Ops.ShapeOf && rewriter[input].Shape.IsKnown ? FoldShape(node, rewriter, rewriter[input].Shape) : null;
            inputs[i] = constant;
            bytes += constant.Bytes.Length;
        }
        if (node.Outputs.Any(o => o.Shape.IsKnown && o.Type.Bytes > Math.Max(bytes, LargestGrowth))) return null;
        return Constants(node, rewriter, ReferenceEvaluator.Evaluate(node, inputs, new Rng(0)));
    }

    // The shape of a value is known even if the value is not: its elements are never looked at.
    private static IReadOnlyList<Value> FoldShape(Node node, Rewriter rewriter, Shape shape)
    {
        var stand = Tensor.Over(DType.Bool, shape, new byte[shape.Count]);
        return Constants(node, rewriter, ReferenceEvaluator.Evaluate(node, [stand], new Rng(0)));
    }

    private static Value[] Constants(Node node, Rewriter rewriter, IReadOnlyList<Tensor> tensors) =>
        [.. node.Outputs.Select((o, i) => rewriter.Builder.Constant(tensors[i], o.Name))];
}
