using Nabi.Ops;

namespace Nabi;

/// <summary>
/// The memory of values between the nodes. Nodes that a runtime does on stored integers make no floats: an operator with an integer form
/// that reads activations through DequantizeLinear and whose result goes, perhaps through a Relu or Clip, to one QuantizeLinear is one step
/// from integers to integers. The floats inside take no memory, and what they come from is held until the QuantizeLinear.
/// </summary>
internal static class ActivationMemory
{
    /// <summary>The largest sum of the bytes alive at once when nodes run in graph order.</summary>
    public static long Peak(Graph graph)
    {
        var unmade = Unmade(graph);
        var last = LastUses(graph, unmade);
        var live = graph.Inputs.Sum(i => i.Type.Bytes);
        var peak = live;
        var ending = last.ToLookup(p => p.Value, p => p.Key);
        for (var i = 0; i < graph.Nodes.Count; i++)
        {
            var made = graph.Nodes[i].Outputs.Where(o => !unmade.Contains(o)).ToArray();
            live += made.Sum(o => o.Type.Bytes);
            peak = Math.Max(peak, live);
            live -= ending[i].Where(v => !unmade.Contains(v)).Sum(v => v.Type.Bytes);
            live -= made.Where(o => !last.ContainsKey(o)).Sum(o => o.Type.Bytes);
        }
        return peak;
    }

    // From the end: a value that is not made hands its readers on to what it comes from.
    private static Dictionary<Value, int> LastUses(Graph graph, HashSet<Value> unmade)
    {
        var last = graph.Outputs.Select(o => o.Value).Concat(graph.Updates.Select(u => u.Value)).Where(v => v.Data is null).Distinct()
            .ToDictionary(v => v, _ => int.MaxValue);
        for (var i = graph.Nodes.Count - 1; i >= 0; i--)
        {
            var node = graph.Nodes[i];
            var until = unmade.Contains(node.Output) ? last.GetValueOrDefault(node.Output, i) : i;
            foreach (var input in node.Inputs)
                if (input is { Data: null }) last[input] = Math.Max(last.GetValueOrDefault(input), until);
        }
        return last;
    }

    private static HashSet<Value> Unmade(Graph graph)
    {
        // Weights are decoded once, before anything runs.
        var unmade = graph.Nodes.Where(n => n.Op.IsDecoding && n.Inputs.All(i => i is null or { Data: not null }) && !n.Output.IsOutput).Select(n => n.Output).ToHashSet();
        var onIntegers = new HashSet<Node>();
        foreach (var node in graph.Nodes)
        {
            if (!HasIntegerForm(node.Op) || !node.Inputs.All(IsStoredOrFixed) || InnerOf(node) is not { } inner) continue;
            onIntegers.Add(node);
            unmade.UnionWith(inner);
        }
        foreach (var node in graph.Nodes)
            if (node.Op is DequantizeLinear && node.Output is { IsOutput: false } output && output.Users.All(onIntegers.Contains)) unmade.Add(output);
        return unmade;
    }

    private static bool HasIntegerForm(Op op) => op is Conv or Gemm or MatMul or Add or AveragePool or GlobalAveragePool or MaxPool
        or Concat or Reshape or Flatten or Squeeze or Unsqueeze or Transpose or Identity;

    private static bool IsStoredOrFixed(Value? value) => value is null or { Data: not null } || !value.DType.IsFloat()
        || (value.Producer is { Op: DequantizeLinear { BlockSize: 0 } } node && (node.Inputs[0]!.Data is not null || HasOneScale(node)));

    // The floats between an operator and its QuantizeLinear, or null if they end elsewhere.
    private static Value[]? InnerOf(Node node)
    {
        if (OnlyReader(node) is not { } next) return null;
        if (IsQuantize(next)) return [node.Output];
        return next.Op is Relu or Clip && OnlyReader(next) is { } after && IsQuantize(after) ? [node.Output, next.Output] : null;
    }

    private static Node? OnlyReader(Node node) => node is { Outputs.Count: 1, Output: { UseCount: 1, Users: [var reader] } } ? reader : null;

    private static bool IsQuantize(Node node) => node.Op is QuantizeLinear { BlockSize: 0 } && node.Output.DType is DType.Int8 or DType.UInt8 && HasOneScale(node);

    private static bool HasOneScale(Node node) => node.Inputs[1] is { Shape: { IsKnown: true, Count: 1 } };
}
