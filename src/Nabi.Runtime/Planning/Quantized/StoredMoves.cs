using Nabi.Ops;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Planning.Quantized;

/// <summary>
/// Moves stored integers instead of real numbers: what only moves elements, between DequantizeLinear and QuantizeLinear of one format, is applied to the
/// integers themselves, which it leaves as they are. So shuffles and concatenations of bytes are found as those of floats are.
/// </summary>
internal static class StoredMoves
{
    /// <summary>The pass.</summary>
    public static Pass Pass { get; } = new("move stored integers", graph =>
    {
        var moved = Find(graph);
        return graph.Rewrite((node, r) => Rewritten(node, r, moved));
    });

    private static IReadOnlyList<Value>? Rewritten(Node node, Rewriter r, Dictionary<Node, Stored> moved)
    {
        if (moved.TryGetValue(node, out var stored))
        {
            Value?[] inputs = [.. node.Inputs.Select(v => v is null ? null : r[Source(v)])];
            if (node.Op is Pad) inputs = [inputs[0], inputs[1], r.Builder.Constant(stored.Zero), .. inputs.Skip(3)];
            return r.Builder.ApplyNamed(node.Op, node.Name, node.Outputs.Count, inputs, [.. node.Outputs.Select(o => o.Name)]);
        }
        return !node.Outputs[0].IsOutput && Of(node) is { } result && StoredAs(node.Inputs[0]!, moved) == result ? [r[Source(node.Inputs[0]!)]] : null;
    }

    // Behind a DequantizeLinear stand the integers; what is moved stands for itself.
    private static Value Source(Value value) => value.Producer is { Op: DequantizeLinear } node ? node.Inputs[0]! : value;

    // Nodes are dropped until all that remain read stored integers, and nobody reads what they make but as such.
    private static Dictionary<Node, Stored> Find(Graph graph)
    {
        var moved = new Dictionary<Node, Stored>();
        for (var i = graph.Nodes.Count - 1; i >= 0; i--)
        {
            var node = graph.Nodes[i];
            if (IsMove(node) && node.Outputs[0].Users is [var user, ..] && (moved.GetValueOrDefault(user) ?? Of(user)) is { } stored) moved[node] = stored;
        }
        while (moved.Where(m => !IsStoredThroughout(m.Key, m.Value, moved)).Select(m => m.Key).ToArray() is { Length: > 0 } others)
            foreach (var node in others) moved.Remove(node);
        return moved;
    }

    private static bool IsStoredThroughout(Node node, Stored stored, Dictionary<Node, Stored> moved) =>
        node.Inputs.Take(node.Op is Concat ? int.MaxValue : 1).All(v => StoredAs(v!, moved) == stored)
        && node.Outputs.All(o => !o.IsOutput && o.Users.All(u => (u.Inputs[0] == o || u.Op is Concat) && (moved.GetValueOrDefault(u) ?? Of(u)) == stored));

    private static Stored? StoredAs(Value value, Dictionary<Node, Stored> moved) => value.Producer is not { } node ? null
        : moved.TryGetValue(node, out var stored) ? stored
        : node.Op is DequantizeLinear { BlockSize: 0 } && value.DType == DType.Float32 ? Of(node, node.Inputs[0]!.DType) : null;

    private static Stored? Of(Node node) => node.Op is QuantizeLinear { BlockSize: 0 } ? Of(node, node.Output.DType) : null;

    private static Stored? Of(Node node, DType type) => QuantizedMatcher.FormatOf(node, type) is { } format ? new Stored(format) : null;

    private static bool IsMove(Node node) => node.Op switch
    {
        Reshape or Flatten or Squeeze or Unsqueeze or Transpose or Identity or Slice or Split or Concat or Gather or DepthToSpace or SpaceToDepth => true,
        Resize { Mode: "nearest", CoordinateTransformationMode: not "tf_crop_and_resize" } => true,
        Pad pad => pad.Mode != "constant" || node.Inputs.Count < 3 || node.Inputs[2] is null || node.Inputs[2]!.Constant?.Item() == 0,
        _ => false,
    };

    /// <summary>How integers stand for reals.</summary>
    private sealed record Stored(QuantizedFormat Format)
    {
        /// <summary>What stands for zero.</summary>
        public Tensor Zero => Tensor.Scalar(Format.ZeroPoint).Cast(Format.IsSigned ? DType.Int8 : DType.UInt8);
    }
}
