using Nabi.Ops;

namespace Nabi.Compression.Pruning;

/// <summary>
/// A part of a graph that can be left out because its result has the type of what it reads: the graph without it lets <paramref name="Input"/>
/// stand for <paramref name="Output"/>.
/// </summary>
/// <param name="Name">The node that ends it, for people.</param>
/// <param name="Input">What it reads: the shortcut of a residual block, the input of a layer.</param>
/// <param name="Output">What it gives.</param>
internal sealed record RemovableLayer(string Name, Value Input, Value Output)
{
    /// <summary>
    /// The blocks and layers that can go: for every addition of a shortcut and a branch that computes from the shortcut, the branch; for every
    /// layer with a weight outside such branches, the layer with the normalization and activation behind it.
    /// </summary>
    public static IReadOnlyList<RemovableLayer> Of(Graph graph)
    {
        var layers = new List<RemovableLayer>();
        var within = new HashSet<Node>();
        foreach (var node in graph.Nodes)
        {
            if (node is not { Op: Add, Inputs: [{ } a, { } b] } || !IsSame(a, b) || a.Data is not null || b.Data is not null) continue;
            var (shortcut, branch) = Between(a, b) is { Count: > 0 } inB ? (a, inB) : (b, Between(b, a));
            if (branch.Count == 0 || !branch.Any(HasWeight)) continue;
            layers.Add(new RemovableLayer(node.Name, shortcut, node.Output));
            within.UnionWith(branch);
        }
        foreach (var (node, _, _) in WeightAxes.Layers(graph))
        {
            if (within.Contains(node) || node.Inputs[0] is not { Data: null } input) continue;
            var end = node.Output;
            while (end is { UseCount: 1, IsOutput: false, Users: [{ Op: BatchNormalization or Relu or Clip or HardSwish or Sigmoid or Tanh or Gelu } next] } && next.Inputs[0] == end)
                end = next.Output;
            if (IsSame(input, end)) layers.Add(new RemovableLayer(node.Name, input, end));
        }
        return [.. layers.Where(l => !l.Output.IsOutput)];
    }

    /// <summary>The graph without this; nodes that nothing reads any more go with it.</summary>
    public Graph RemoveFrom(Graph graph) => graph.Rewrite((node, r) => node == Output.Producer ? [r[Input]] : null);

    // The nodes on the ways from one value to another; none when there is no way.
    private static HashSet<Node> Between(Value from, Value to)
    {
        var found = new Dictionary<Node, bool>();
        return Reaches(to) ? [.. found.Where(f => f.Value).Select(f => f.Key)] : [];

        bool Reaches(Value value)
        {
            if (value == from) return true;
            if (value.Producer is not { } node) return false;
            if (found.TryGetValue(node, out var known)) return known;
            var reaches = false;
            foreach (var input in node.Inputs) reaches |= input is not null && Reaches(input);
            return found[node] = reaches;
        }
    }

    private static bool HasWeight(Node node) => WeightAxes.Of(node) is not null;

    private static bool IsSame(Value a, Value b) => a.Type == b.Type && a.Shape.IsRanked;
}
