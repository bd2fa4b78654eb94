using System.Collections.Immutable;
using System.Text;

namespace Nabi;

/// <summary>A named value that callers give or receive.</summary>
public sealed record GraphOutput(string Name, Value Value);

/// <summary>After each run, parameter <paramref name="Parameter"/> takes the tensor of <paramref name="Value"/>: how a training step learns.</summary>
public sealed record Update(Value Parameter, Value Value);

/// <summary>
/// A network: values in single-assignment form, nodes in topological order. Graphs do not change; a pass makes a new one
/// with <see cref="GraphBuilder"/> or <see cref="GraphRewriting.Rewrite"/>. Tensors of parameters are shared between the graphs.
/// </summary>
public sealed class Graph
{
    internal Graph(string name, IReadOnlyList<Value> inputs, IReadOnlyList<Value> parameters, IReadOnlyList<Node> nodes,
        IReadOnlyList<GraphOutput> outputs, IReadOnlyList<Update> updates, ImmutableSortedDictionary<string, string> metadata)
    {
        (Name, Inputs, Parameters, Nodes, Outputs, Updates, Metadata) = (name, inputs, parameters, nodes, outputs, updates, metadata);
    }

    /// <summary>The network's name.</summary>
    public string Name { get; }

    /// <summary>What callers give, in order.</summary>
    public IReadOnlyList<Value> Inputs { get; }

    /// <summary>Parameters and constants: values with data, in order of first use.</summary>
    public IReadOnlyList<Value> Parameters { get; }

    /// <summary>The nodes in topological order.</summary>
    public IReadOnlyList<Node> Nodes { get; }

    /// <summary>What callers receive, in order.</summary>
    public IReadOnlyList<GraphOutput> Outputs { get; }

    /// <summary>Parameters that change after each run. Empty for inference graphs.</summary>
    public IReadOnlyList<Update> Updates { get; }

    /// <summary>Labels, input normalization, provenance: text by key, see <see cref="MetadataKeys"/>.</summary>
    public ImmutableSortedDictionary<string, string> Metadata { get; }

    /// <summary>Finds a parameter by name.</summary>
    public Value? Parameter(string name) => Parameters.FirstOrDefault(p => p.Name == name);

    /// <summary>Number of learned numbers: see <see cref="Value.IsLearned"/>.</summary>
    public long ParameterCount => Parameters.Where(p => p.IsLearned).Sum(p => (long)p.Shape.Count);

    /// <summary>Sum of the nodes' costs. Shapes must be known: give the batch size with <see cref="GraphRewriting.WithInputShapes"/>.</summary>
    public Cost Cost => Nodes.Aggregate(default(Cost), (sum, node) => sum + node.Cost);

    /// <summary>Applies passes in order; the verifier runs after each.</summary>
    public Graph Through(params ReadOnlySpan<Pass> passes)
    {
        var graph = this;
        foreach (var pass in passes) graph = pass.Apply(graph);
        return graph;
    }

    /// <summary>The whole graph as text, one node a line.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append("graph ").Append(Name).Append('(').AppendJoin(", ", Inputs).AppendLine(")");
        foreach (var p in Parameters)
            text.Append("  ").Append(p.IsTrainable ? "param " : "const ").AppendLine(p.ToString());
        foreach (var node in Nodes) text.Append("  ").AppendLine(node.ToString());
        foreach (var update in Updates) text.AppendLine($"  update %{update.Parameter.Name} <- %{update.Value.Name}");
        foreach (var output in Outputs) text.AppendLine($"  return {output.Name} = %{output.Value.Name}");
        return text.ToString();
    }
}
