using System.Collections.Immutable;

namespace Nabi;

/// <summary>
/// Builds a graph node by node. Types are inferred as nodes are added, so an error names the node that caused it.
/// A builder is used once: <see cref="Build"/> gives the graph and ends it.
/// </summary>
public sealed partial class GraphBuilder
{
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _nextSuffix = new(StringComparer.Ordinal);
    private readonly List<Value> _inputs = [];
    private readonly List<Value> _parameters = [];
    private readonly List<Node> _nodes = [];
    private readonly List<GraphOutput> _outputs = [];
    private readonly List<Update> _updates = [];
    private ImmutableSortedDictionary<string, string> _metadata = ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal);

    /// <summary>Starts an empty graph.</summary>
    public GraphBuilder(string name) => Name = name;

    /// <summary>The graph's name.</summary>
    public string Name { get; }

    /// <summary>Nodes added so far, in topological order.</summary>
    public IReadOnlyList<Node> Nodes => _nodes;

    /// <summary>Outputs declared so far.</summary>
    public IReadOnlyList<GraphOutput> Outputs => _outputs;

    /// <summary>Parameters added so far.</summary>
    public IReadOnlyList<Value> Parameters => _parameters;

    /// <summary>Inputs added so far.</summary>
    public IReadOnlyList<Value> Inputs => _inputs;

    /// <summary>Labels, normalization, provenance; see <see cref="MetadataKeys"/>.</summary>
    public IReadOnlyDictionary<string, string> Metadata
    {
        get => _metadata;
        set => _metadata = _metadata.Clear().AddRange(value);
    }

    /// <summary>Declares an input; unknown dimensions are given when the graph runs.</summary>
    public Value Input(string name, DType dtype, Shape shape)
    {
        var value = new Value(Unique(name), new TensorType(dtype, shape));
        _inputs.Add(value);
        return value;
    }

    /// <summary>Adds a parameter, by default one that training changes.</summary>
    public Value Parameter(string name, Tensor data, bool trainable = true)
    {
        var value = new Value(Unique(name), data.Type, data: data, isTrainable: trainable);
        _parameters.Add(value);
        return value;
    }

    /// <summary>Adds a constant.</summary>
    public Value Constant(Tensor data, string name = "const") => Parameter(name, data, trainable: false);

    /// <summary>Applies an operator with one output.</summary>
    public Value Apply(Op op, params ReadOnlySpan<Value?> inputs) => ApplyNamed(op, op.Name, 1, inputs)[0];

    /// <summary>Applies an operator with <paramref name="outputCount"/> outputs.</summary>
    public IReadOnlyList<Value> ApplyAll(Op op, int outputCount, params ReadOnlySpan<Value?> inputs) =>
        ApplyNamed(op, op.Name, outputCount, inputs);

    /// <summary>Applies an operator and names the node; outputs are named after it unless <paramref name="outputNames"/> are given.</summary>
    /// <exception cref="NabiException">The inputs do not fit the operator; the message names the node.</exception>
    public IReadOnlyList<Value> ApplyNamed(Op op, string nodeName, int outputCount, ReadOnlySpan<Value?> inputs, IReadOnlyList<string>? outputNames = null)
    {
        var last = inputs.Length;
        while (last > 0 && inputs[last - 1] is null) last--;
        var given = inputs[..last].ToArray();
        var node = new Node(UniqueNode(nodeName), op, given);
        var types = InferTypes(op, node.Name, given, outputCount);
        var outputs = new Value[outputCount];
        for (var i = 0; i < outputCount; i++)
        {
            var name = outputNames is not null ? outputNames[i] : outputCount == 1 ? node.Name : $"{node.Name}.{i}";
            outputs[i] = new Value(Unique(name), types[i], node, i);
        }
        node.SetOutputs(outputs);
        foreach (var input in given) input?.AddUser(node);
        _nodes.Add(node);
        return outputs;
    }

    /// <summary>Declares an output.</summary>
    public void Output(string name, Value value)
    {
        value.IsOutput = true;
        _outputs.Add(new GraphOutput(name, value));
    }

    /// <summary>After each run, <paramref name="parameter"/> takes the tensor of <paramref name="value"/>.</summary>
    public void Update(Value parameter, Value value)
    {
        if (parameter.Data is null || parameter.Type != value.Type)
            throw new ArgumentException($"{value} cannot update {parameter}: it must be a parameter of the same type.", nameof(value));
        parameter.IsUpdated = true;
        value.IsOutput = true;
        _updates.Add(new Update(parameter, value));
    }

    /// <summary>Ends the graph. Nodes and parameters that reach no output or update are left out; inputs stay.</summary>
    public Graph Build()
    {
        var live = new HashSet<Value>();
        foreach (var output in _outputs) live.Add(output.Value);
        foreach (var update in _updates)
        {
            live.Add(update.Value);
            live.Add(update.Parameter);
        }
        for (var i = _nodes.Count - 1; i >= 0; i--)
        {
            if (!_nodes[i].Outputs.Any(live.Contains)) continue;
            foreach (var input in _nodes[i].Inputs)
                if (input is not null) live.Add(input);
        }
        if (_nodes.TrueForAll(n => n.Outputs.Any(live.Contains)))
            return new Graph(Name, _inputs, _parameters.FindAll(live.Contains), _nodes, _outputs, _updates, _metadata);
        return CopyLive(live);
    }

    // Values count their users, so dead users must not be there: the live part is copied.
    private Graph CopyLive(HashSet<Value> live)
    {
        var copy = new GraphBuilder(Name) { _metadata = _metadata };
        var map = new Dictionary<Value, Value>();
        foreach (var input in _inputs) map[input] = copy.Input(input.Name, input.DType, input.Shape);
        foreach (var p in _parameters.Where(live.Contains)) map[p] = copy.Parameter(p.Name, p.Data!, p.IsTrainable);
        foreach (var node in _nodes.Where(n => n.Outputs.Any(live.Contains)))
            copy.CopyNode(node, map);
        foreach (var output in _outputs) copy.Output(output.Name, map[output.Value]);
        foreach (var update in _updates) copy.Update(map[update.Parameter], map[update.Value]);
        return copy.Build();
    }

    internal void CopyNode(Node node, Dictionary<Value, Value> map)
    {
        var inputs = new Value?[node.Inputs.Count];
        for (var i = 0; i < inputs.Length; i++) inputs[i] = node.Inputs[i] is { } input ? map[input] : null;
        var outputs = ApplyNamed(node.Op, node.Name, node.Outputs.Count, inputs, [.. node.Outputs.Select(o => o.Name)]);
        for (var i = 0; i < outputs.Count; i++) map[node.Outputs[i]] = outputs[i];
    }

    private static IReadOnlyList<TensorType> InferTypes(Op op, string nodeName, IReadOnlyList<Value?> inputs, int outputCount)
    {
        var context = new InferContext(op, nodeName, inputs, outputCount);
        if (inputs.Any(v => v is { Type.Shape.IsRanked: false }))
            return [.. Enumerable.Range(0, outputCount).Select(i => TensorType.Unranked(op.UnrankedType(i, context)))];
        Outputs<TensorType> types;
        try
        {
            types = op.Infer(context);
        }
        catch (NabiException e) when (!e.Message.StartsWith("Node '", StringComparison.Ordinal))
        {
            throw new NabiException($"Node '{nodeName}' ({op.Name}): {e.Message}", e);
        }
        return types.Count >= outputCount ? types : throw context.Fail($"it has {types.Count} outputs, not {outputCount}");
    }

    private readonly HashSet<string> _nodeNames = new(StringComparer.Ordinal);

    private string UniqueNode(string name) => Unique(name, _nodeNames);

    private string Unique(string name) => Unique(name, _names);

    private string Unique(string name, HashSet<string> taken)
    {
        if (taken.Add(name)) return name;
        while (true)
        {
            var suffix = _nextSuffix[name] = _nextSuffix.GetValueOrDefault(name) + 1;
            var candidate = $"{name}_{suffix}";
            if (taken.Add(candidate)) return candidate;
        }
    }
}
