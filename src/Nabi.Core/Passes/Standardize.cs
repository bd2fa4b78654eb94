namespace Nabi.Passes;

/// <summary>
/// Says operators that only Nabi has with standard ONNX operators, where they have such a form (<see cref="Op.AsStandard"/>). The others stay as
/// they are. What comes out computes the same, but learns by the ordinary gradients of its parts and may cost more.
/// </summary>
public static class Standardize
{
    /// <summary>The pass.</summary>
    public static Pass Pass { get; } = new("say with standard operators", graph => graph.Nodes.Any(IsOwn) ? graph.Rewrite(Standard) : graph);

    private static bool IsOwn(Node node) => node.Op.Domain == Op.NabiDomain;

    private static IReadOnlyList<Value>? Standard(Node node, Rewriter r) => IsOwn(node) ? node.Op.AsStandard(node, r) : null;
}
