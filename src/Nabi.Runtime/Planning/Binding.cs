using Nabi.Passes;
using Nabi.Runtime.Planning.Quantized;

namespace Nabi.Runtime.Planning;

/// <summary>Fixes a graph's input shapes and simplifies what follows from them, so that every type is known.</summary>
internal static class Binding
{
    // Gradients are written as compositions that rely on these. Parameters keep their values: a session may reload them.
    private static readonly IReadOnlyList<Pass> Passes = [RemoveStraightThrough.Pass, .. Simplification.Standard, StoredMoves.Pass, ReluQuestions.Pass, ChannelShuffles.Pass, ComposedActivations.Pass];

    /// <summary>The graph with known shapes, or null if a shape inside depends on data.</summary>
    public static Graph? Bind(Graph graph, Shape[] shapes)
    {
        var byName = graph.Inputs.Zip(shapes).ToDictionary(p => p.First.Name, p => p.Second, StringComparer.Ordinal);
        foreach (var input in graph.Inputs)
            if (!byName[input.Name].IsKnown || !input.Shape.Accepts(byName[input.Name]))
                throw new NabiException($"Input '{input.Name}' of graph '{graph.Name}' is {input.Type}; it cannot be bound to shape {byName[input.Name]}.");
        var bound = graph.WithInputShapes(byName).Through([.. Passes]);
        return bound.Nodes.All(n => n.Outputs.All(o => o.Shape.IsKnown)) ? bound : null;
    }
}
