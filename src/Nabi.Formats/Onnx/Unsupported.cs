using Nabi.Formats.OnnxProto;

namespace Nabi.Formats;

/// <summary>Names everything in a model that Nabi does not have, in one sentence, before any work is done.</summary>
internal static class Unsupported
{
    private const int MaxNamed = 12;

    /// <summary>Checks the operators of a graph, its branches and the functions it has.</summary>
    /// <exception cref="NabiException">There are operators that Nabi does not have.</exception>
    public static void Check(GraphProto graph, Dictionary<(string Domain, string Name), FunctionProto> functions, int opset)
    {
        var missing = new SortedDictionary<string, string>(StringComparer.Ordinal);
        Collect(graph.Node, functions, opset, missing);
        foreach (var function in functions.Values) Collect(function.Node, functions, opset, missing);
        if (missing.Count == 0) return;
        var named = string.Join(", ", missing.Take(MaxNamed).Select(m => $"{m.Key} (node '{m.Value}')"));
        var more = missing.Count > MaxNamed ? $" and {missing.Count - MaxNamed} more" : "";
        throw new NabiException($"it needs operators that Nabi does not have at operator set {opset}: {named}{more}; replace or remove those nodes before importing.");
    }

    private static void Collect(IEnumerable<NodeProto> nodes, Dictionary<(string Domain, string Name), FunctionProto> functions, int opset,
        SortedDictionary<string, string> missing)
    {
        foreach (var node in nodes)
        {
            var domain = OnnxNames.Domain(node.Domain);
            if (!functions.ContainsKey((domain, node.OpType)) && OpCatalog.Find(domain, node.OpType) is null
                && !(domain.Length == 0 && (OnnxImporter.IsResolved(node.OpType) || OpsetUpgrades.Replaces(node.OpType, opset))))
                missing.TryAdd(domain.Length == 0 ? node.OpType : $"{domain}.{node.OpType}", NodeOrder.Label(node));
            foreach (var attribute in node.Attribute)
                if (attribute.G is not null) Collect(attribute.G.Node, functions, opset, missing);
        }
    }
}
