using System.Collections;

namespace Nabi;

/// <summary>
/// The dependency groups of a graph, found from what each operator says of itself in <see cref="Op.Couple"/>. Inputs and outputs
/// of the graph are fixed. Shapes must be known except for the batch.
/// </summary>
public sealed class ChannelGroups : IReadOnlyList<ChannelGroup>
{
    private readonly List<ChannelGroup> _groups = [];

    private ChannelGroups(Graph graph) => Graph = graph;

    /// <summary>The graph the groups belong to.</summary>
    public Graph Graph { get; }

    /// <inheritdoc/>
    public int Count => _groups.Count;

    /// <inheritdoc/>
    public ChannelGroup this[int index] => _groups[index];

    /// <summary>Finds the groups.</summary>
    public static ChannelGroups Of(Graph graph)
    {
        var unions = new ChannelUnions();
        var roles = new Dictionary<ValueAxis, SliceRole>();
        var splits = new List<AxisSplit>();
        var activations = Activations(graph);
        foreach (var value in graph.Inputs.Concat(graph.Outputs.Select(o => o.Value)))
            for (var axis = 0; value.Shape.IsRanked && axis < value.Shape.Rank; axis++) unions.Fix(new ValueAxis(value, axis));
        foreach (var node in graph.Nodes)
        {
            var context = new CouplingContext(node, unions, activations, roles, splits);
            node.Op.Couple(context);
            context.FixUnmentioned();
        }
        foreach (var split in splits) Decide(split, unions);
        var groups = new ChannelGroups(graph);
        groups.Collect(unions, roles);
        return groups;
    }

    /// <inheritdoc/>
    public IEnumerator<ChannelGroup> GetEnumerator() => _groups.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>One group a line.</summary>
    public override string ToString() => string.Join(Environment.NewLine, _groups.Select(g => $"{g.Index,3}  {g}"));

    private static HashSet<Value> Activations(Graph graph)
    {
        var reached = new HashSet<Value>(graph.Inputs);
        foreach (var node in graph.Nodes)
            if (node.Inputs.Any(v => v is not null && reached.Contains(v))) reached.UnionWith(node.Outputs);
        return reached;
    }

    // Channels follow the part that leaves most of them; with none free they all stay.
    private static void Decide(AxisSplit split, ChannelUnions unions)
    {
        var (best, most) = (-1, 0);
        for (var part = 0; part < split.Parts.Length; part++)
        {
            if (unions.CountFree(split.Parts[part]) <= most) continue;
            var trial = unions.Copy();
            split.Follow(trial, part);
            if (trial.CountFree(split.Parts[part]) is var free && free > most) (best, most) = (part, free);
        }
        if (best >= 0) split.Follow(unions, best);
        else
        {
            unions.Fix(split.Whole);
            foreach (var part in split.Parts) unions.Fix(part);
        }
    }

    private void Collect(ChannelUnions unions, Dictionary<ValueAxis, SliceRole> roles)
    {
        // Class by root: which elements of which axes, in order of mention.
        var classes = new Dictionary<int, List<(int Axis, List<int> Elements)>>();
        for (var axis = 0; axis < unions.Axes.Count; axis++)
        {
            var first = unions.First(unions.Axes[axis]);
            for (var i = 0; i < unions.Axes[axis].Size; i++)
            {
                if (unions.IsFixed(first + i)) continue;
                var root = unions.Find(first + i);
                if (!classes.TryGetValue(root, out var members)) classes[root] = members = [];
                if (members.Count == 0 || members[^1].Axis != axis) members.Add((axis, []));
                members[^1].Elements.Add(i);
            }
        }
        // Classes that own equally much of the same axes are the channels of one group.
        var bySignature = new Dictionary<string, List<List<(int Axis, List<int> Elements)>>>(StringComparer.Ordinal);
        foreach (var members in classes.Values)
        {
            var signature = string.Join(' ', members.Select(m => $"{m.Axis}:{m.Elements.Count}"));
            if (!bySignature.TryGetValue(signature, out var list)) bySignature[signature] = list = [];
            list.Add(members);
        }
        foreach (var channels in bySignature.Values.Where(c => c.Count > 1)) AddGroup(channels, unions, roles);
    }

    private void AddGroup(List<List<(int Axis, List<int> Elements)>> channels, ChannelUnions unions, Dictionary<ValueAxis, SliceRole> roles)
    {
        var slices = new List<ChannelSlice>();
        for (var k = 0; k < channels[0].Count; k++)
        {
            var at = unions.Axes[channels[0][k].Axis];
            slices.Add(new ChannelSlice(at, [.. channels.Select(c => c[k].Elements.ToArray())], roles.GetValueOrDefault(at)));
        }
        var parameters = slices.FindAll(s => s.At.Value.Data is not null);
        var activations = slices.FindAll(s => s.At.Value.Data is null);
        if (parameters.Exists(p => p.Role != SliceRole.Elementwise) && activations.Count > 0)
            _groups.Add(new ChannelGroup(_groups.Count, parameters, activations));
    }
}
