using Nabi.Formats.OnnxProto;

namespace Nabi.Formats;

/// <summary>Puts nodes in an order in which each follows the nodes it reads. Files should have that order; some do not.</summary>
internal static class NodeOrder
{
    /// <summary>The nodes in topological order, otherwise as in the file.</summary>
    /// <exception cref="NabiException">Two nodes make one name, or nodes wait for each other.</exception>
    public static IReadOnlyList<NodeProto> Sort(IReadOnlyList<NodeProto> nodes)
    {
        var producers = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < nodes.Count; i++)
        {
            foreach (var output in nodes[i].Output)
                if (output.Length > 0 && !producers.TryAdd(output, i)) throw new NabiException($"two values are named '{output}'");
        }
        var readers = new List<int>[nodes.Count];
        var waiting = new int[nodes.Count];
        for (var i = 0; i < nodes.Count; i++)
        {
            foreach (var name in Reads(nodes[i]).Distinct(StringComparer.Ordinal))
            {
                if (!producers.TryGetValue(name, out var producer)) continue;
                (readers[producer] ??= []).Add(i);
                waiting[i]++;
            }
        }
        return InOrder(nodes, readers, waiting);
    }

    private static List<NodeProto> InOrder(IReadOnlyList<NodeProto> nodes, List<int>?[] readers, int[] waiting)
    {
        var ready = new PriorityQueue<int, int>();
        for (var i = 0; i < nodes.Count; i++)
            if (waiting[i] == 0) ready.Enqueue(i, i);
        var order = new List<NodeProto>(nodes.Count);
        while (ready.TryDequeue(out var next, out _))
        {
            order.Add(nodes[next]);
            foreach (var reader in readers[next] ?? [])
                if (--waiting[reader] == 0) ready.Enqueue(reader, reader);
        }
        if (order.Count == nodes.Count) return order;
        var stuck = nodes[Array.FindIndex(waiting, w => w > 0)];
        throw new NabiException($"node '{Label(stuck)}' reads, directly or not, what it makes: the graph has a cycle");
    }

    /// <summary>A node's name, or what can stand for it.</summary>
    public static string Label(NodeProto node) =>
        node.Name.Length > 0 ? node.Name : node.Output.Count > 0 && node.Output[0].Length > 0 ? node.Output[0] : node.OpType;

    // What a node reads, the free names of its branches among them.
    private static IEnumerable<string> Reads(NodeProto node)
    {
        foreach (var input in node.Input)
            if (input.Length > 0) yield return input;
        foreach (var attribute in node.Attribute)
        {
            if (attribute.G is null) continue;
            foreach (var inner in attribute.G.Node)
                foreach (var name in Reads(inner)) yield return name;
            foreach (var output in attribute.G.Output) yield return output.Name;
        }
    }
}
