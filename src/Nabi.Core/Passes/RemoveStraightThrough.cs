using Nabi.Ops;

namespace Nabi.Passes;

/// <summary>
/// Replaces every <see cref="StraightThrough"/> by its value, and every <see cref="GradientRounding"/> by its input: for graphs whose gradients are built
/// already or never will be. What only a surrogate needed is left out.
/// </summary>
public static class RemoveStraightThrough
{
    /// <summary>The pass.</summary>
    public static Pass Pass { get; } = new("remove straight-through estimators",
        graph => graph.Nodes.Any(n => n.Op is StraightThrough or GradientRounding) ? graph.Rewrite(Value) : graph);

    private static IReadOnlyList<Value>? Value(Node node, Rewriter r) => node.Op is StraightThrough or GradientRounding ? [r[node.Inputs[0]!]] : null;
}
