using Nabi.Ops;

namespace Nabi;

/// <summary>How passes are written: visit the nodes in order, keep or replace each.</summary>
public static class GraphRewriting
{
    /// <summary>
    /// Rebuilds the graph node by node. The rule returns null to keep a node, or the values that stand for its outputs. It sees
    /// the old node (whose neighbours can be matched) and makes new nodes with the rewriter. What nothing reads any more is left out.
    /// </summary>
    public static Graph Rewrite(this Graph graph, Func<Node, Rewriter, IReadOnlyList<Value>?> rule)
    {
        var rewriter = new Rewriter(graph);
        foreach (var node in graph.Nodes) rewriter.Visit(node, rule(node, rewriter));
        return rewriter.Finish();
    }

    /// <summary>The same graph with other input shapes: fixes the batch size, or makes it unknown.</summary>
    /// <exception cref="NabiException">There is no such input, or a node does not accept the shape.</exception>
    public static Graph WithInputShapes(this Graph graph, IReadOnlyDictionary<string, Shape> shapes)
    {
        foreach (var name in shapes.Keys)
            if (graph.Inputs.All(i => i.Name != name))
                throw new NabiException($"Graph '{graph.Name}' has no input '{name}'; its inputs are {string.Join(", ", graph.Inputs.Select(i => i.Name))}.");
        var rewriter = new Rewriter(graph, input => shapes.GetValueOrDefault(input.Name, input.Shape));
        foreach (var node in graph.Nodes) rewriter.Visit(node, null);
        return rewriter.Finish();
    }

    /// <summary>The same graph with every unknown leading input dimension set to <paramref name="size"/>.</summary>
    public static Graph WithBatch(this Graph graph, int size) => graph.WithInputShapes(graph.Inputs
        .Where(i => i.Shape.IsRanked && i.Shape.Rank > 0 && i.Shape[0] == Shape.Unknown)
        .ToDictionary(i => i.Name, i => i.Shape.With(0, size), StringComparer.Ordinal));

    /// <summary>The same graph with the given parameters' tensors replaced, by name; shapes may change where the nodes accept it.</summary>
    public static Graph WithParameters(this Graph graph, IReadOnlyDictionary<string, Tensor> tensors)
    {
        var rewriter = new Rewriter(graph, parameter: p => tensors.GetValueOrDefault(p.Name, p.Data!));
        foreach (var node in graph.Nodes) rewriter.Visit(node, null);
        return rewriter.Finish();
    }

    /// <summary>
    /// The same graph with what another one has learned: trainable parameters and running statistics by name, and its metadata but for
    /// <see cref="MetadataKeys.AuxiliaryLoss"/>. For networks that train as another graph than the one that is used.
    /// </summary>
    public static Graph WithLearned(this Graph graph, Graph trained)
    {
        var statistics = trained.Nodes.Where(n => n is { Op: BatchNormalization, Inputs.Count: >= 5 }).SelectMany(n => n.Inputs.Skip(3).Take(2)).ToHashSet();
        return graph
            .WithParameters(trained.Parameters.Where(p => p.IsTrainable || statistics.Contains(p)).ToDictionary(p => p.Name, p => p.Data!, StringComparer.Ordinal))
            .WithMetadata(trained.Metadata.Remove(MetadataKeys.AuxiliaryLoss));
    }

    /// <summary>The same graph with other metadata.</summary>
    public static Graph WithMetadata(this Graph graph, IReadOnlyDictionary<string, string> metadata)
    {
        var rewriter = new Rewriter(graph);
        foreach (var node in graph.Nodes) rewriter.Visit(node, null);
        rewriter.Builder.Metadata = metadata;
        return rewriter.Finish();
    }
}
