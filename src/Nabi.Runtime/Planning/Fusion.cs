using Nabi.Ops;
using Nabi.Runtime.Planning.Lowering;
using Nabi.Runtime.Planning.Quantized;

namespace Nabi.Runtime.Planning;

/// <summary>
/// Which nodes are done in one step. A group is done where its last node stands, when all its inputs are there: either a matrix product or
/// convolution (first) with what is applied to its result, or elementwise nodes in topological order.
/// </summary>
internal sealed class Fusion
{
    private readonly Dictionary<Node, IReadOnlyList<Node>> _groups = [];
    private readonly HashSet<Node> _absorbed = [];
    private readonly Dictionary<Value, HashSet<Node>> _gatedReaders = [];

    private readonly Dictionary<Node, GradientGate> _gates = [];
    private readonly Dictionary<Node, QuantizedMatch> _quantized = [];

    private Fusion() { }

    /// <summary>Every node by itself.</summary>
    public static Fusion None { get; } = new();

    /// <summary>Groups the nodes of a graph.</summary>
    public static Fusion Of(Graph graph)
    {
        var fusion = new Fusion();
        foreach (var node in graph.Nodes)
        {
            if (QuantizedMatcher.Of(node) is not { } match) continue;
            fusion._quantized[node] = match;
            fusion.Add(match.Group);
        }
        foreach (var node in graph.Nodes) fusion.AbsorbGate(node);
        foreach (var node in graph.Nodes)
            if (Epilogues.CanStart(node) && !fusion._absorbed.Contains(node)) fusion.Add(Epilogues.Chain(node, n => fusion._absorbed.Contains(n) || fusion._groups.ContainsKey(n), fusion.OnlyReader));
        foreach (var node in graph.Nodes)
            if (ChannelShuffles.JoinedBy(node) is { } join) fusion.Add([join, node]);
        fusion.GroupElementwise(graph);
        return fusion;
    }

    /// <summary>The group that is done at this node, or null if it is done later, with another.</summary>
    public IReadOnlyList<Node>? GroupOf(Node node) => _absorbed.Contains(node) ? null : _groups.GetValueOrDefault(node) ?? [node];

    /// <summary>What this QuantizeLinear ends that is done on integers, or null.</summary>
    public QuantizedMatch? QuantizedOf(Node node) => _quantized.GetValueOrDefault(node);

    /// <summary>The gate absorbed into the gradient of a batch normalization, or null.</summary>
    public GradientGate? GateOf(Node gradient) => _gates.GetValueOrDefault(gradient);

    // The gate of an activation of what this normalization made: its gradient can tell from x where the gate is open, so the gate's nodes need not run.
    private void AbsorbGate(Node node)
    {
        if (node.Op is not BatchNormalizationGradient || node.Inputs.Count < 5 || node.Inputs.Any(v => v is not { DType: DType.Float32 })) return;
        if (GradientGate.Of(node.Inputs[2]) is not { Argument: { Index: 0, Producer: { Op: BatchNormalization { TrainingMode: true } } forward } } gate) return;
        if (forward.Inputs[0] != node.Inputs[0] || forward.Inputs[1] != node.Inputs[1]) return;
        _gates[node] = gate;
        if (!_gatedReaders.TryGetValue(gate.Argument, out var gated)) _gatedReaders[gate.Argument] = gated = [];
        gated.UnionWith(gate.Nodes);
        _absorbed.UnionWith(gate.Nodes);
    }

    // The only node that reads a value, apart from gates that compute it again.
    private Node? OnlyReader(Value value)
    {
        if (value.UseCount == 1) return value.Users.Count == 1 ? value.Users[0] : null;
        if (value.IsOutput || !_gatedReaders.TryGetValue(value, out var gated)) return null;
        Node? reader = null;
        foreach (var user in value.Users)
        {
            if (gated.Contains(user)) continue;
            if (reader is not null) return null;
            reader = user;
        }
        return reader;
    }

    private void Add(IReadOnlyList<Node> group)
    {
        if (group.Count < 2) return;
        _groups[group[^1]] = group;
        foreach (var node in group.SkipLast(1)) _absorbed.Add(node);
    }

    // From the end: a node whose only reader is elementwise on the same shape joins the reader's group.
    private void GroupElementwise(Graph graph)
    {
        var tails = new Dictionary<Node, Node>();
        var members = new Dictionary<Node, List<Node>>();
        for (var i = graph.Nodes.Count - 1; i >= 0; i--)
        {
            var node = graph.Nodes[i];
            if (_absorbed.Contains(node) || _groups.ContainsKey(node) || !ElementRules.Knows(node) || BitProduct.ReadsBehind(node)) continue;
            var tail = JoinableTail(node, tails);
            if (tail is not null && OperandCount(members[tail], node) > ElementwiseLowering.MaxOperands) tail = null;
            tails[node] = tail ??= node;
            if (!members.TryGetValue(tail, out var group)) members[tail] = group = [];
            group.Insert(0, node);
        }
        foreach (var group in members.Values) Add(group);
    }

    private static Node? JoinableTail(Node node, Dictionary<Node, Node> tails)
    {
        if (node.Output.IsOutput || node.Output.Users.Count == 0) return null;
        Node? tail = null;
        foreach (var user in node.Output.Users)
        {
            if (FakeQuantizeLowering.ReadsAsScale(user, node.Output)) return null;
            if (!user.Output.Shape.Equals(node.Output.Shape) || !tails.TryGetValue(user, out var other) || (tail is not null && tail != other)) return null;
            tail = other;
        }
        return tail;
    }

    private static int OperandCount(List<Node> group, Node added)
    {
        var operands = new HashSet<Value>(group.Append(added).SelectMany(n => n.Inputs).OfType<Value>());
        operands.ExceptWith(group.Append(added).Select(n => n.Output));
        return operands.Count + group.Count;   // instructions count too: both are bounded
    }
}
