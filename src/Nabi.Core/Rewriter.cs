namespace Nabi;

/// <summary>
/// A graph being rebuilt: a builder that already holds the old graph's inputs and parameters, and the map from old values to new.
/// </summary>
public sealed class Rewriter
{
    private readonly Graph _old;
    private readonly Dictionary<Value, Value> _map = [];

    /// <summary>Starts a copy of <paramref name="graph"/> without its nodes.</summary>
    /// <param name="graph">The old graph.</param>
    /// <param name="inputShape">Another shape for an input.</param>
    /// <param name="parameter">Another tensor for a parameter.</param>
    public Rewriter(Graph graph, Func<Value, Shape>? inputShape = null, Func<Value, Tensor>? parameter = null)
    {
        _old = graph;
        Builder = new GraphBuilder(graph.Name) { Metadata = graph.Metadata };
        foreach (var input in graph.Inputs) _map[input] = Builder.Input(input.Name, input.DType, inputShape?.Invoke(input) ?? input.Shape);
        foreach (var p in graph.Parameters)
        {
            _map[p] = Builder.Parameter(p.Name, parameter?.Invoke(p) ?? p.Data!, p.IsTrainable);
            _map[p].IsUpdated = p.IsUpdated;
        }
    }

    /// <summary>The builder of the new graph.</summary>
    public GraphBuilder Builder { get; }

    /// <summary>The new value that stands for an old one.</summary>
    public Value this[Value old] => _map[old];

    /// <summary>The new value that stands for an old one; null stays null.</summary>
    public Value? Map(Value? old) => old is null ? null : _map[old];

    /// <summary>A copy of an old node with another operator, reading the new inputs.</summary>
    public IReadOnlyList<Value> With(Node old, Op op) =>
        Builder.ApplyNamed(op, old.Name, old.Outputs.Count, [.. old.Inputs.Select(Map)], [.. old.Outputs.Select(o => o.Name)]);

    /// <summary>Says what stands for an old node's outputs; null copies the node.</summary>
    public void Visit(Node old, IReadOnlyList<Value>? replacement)
    {
        if (replacement is null)
        {
            Builder.CopyNode(old, _map);
            return;
        }
        for (var i = 0; i < old.Outputs.Count && i < replacement.Count; i++) _map[old.Outputs[i]] = replacement[i];
    }

    /// <summary>Declares the old outputs and updates on the new graph and ends it.</summary>
    public Graph Finish()
    {
        foreach (var output in _old.Outputs) Builder.Output(output.Name, _map[output.Value]);
        foreach (var update in _old.Updates) Builder.Update(_map[update.Parameter], _map[update.Value]);
        return Builder.Build();
    }
}
