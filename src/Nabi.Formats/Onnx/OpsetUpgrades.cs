using Nabi.Formats.OnnxProto;

namespace Nabi.Formats;

/// <summary>
/// Nodes of older operator sets in the form Nabi has (operator set 17 to 22). One row per change: the operator, the operator set from which
/// it holds no more, and what to do. Rows of one operator apply in order.
/// </summary>
internal static partial class OpsetUpgrades
{
    /// <summary>Changes the node in place and gives null, or gives the nodes that stand for it.</summary>
    private delegate IReadOnlyList<NodeProto>? Upgrade(NodeProto node, UpgradeContext context);

    private static readonly (string Op, int Before, Upgrade Upgrade)[] Table =
    [
        ("Add", 7, BroadcastFromAxis), ("Sub", 7, BroadcastFromAxis), ("Mul", 7, BroadcastFromAxis), ("Div", 7, BroadcastFromAxis),
        ("Pow", 7, BroadcastFromAxis), ("And", 7, BroadcastFromAxis), ("Or", 7, BroadcastFromAxis), ("Xor", 7, BroadcastFromAxis),
        ("Equal", 7, BroadcastFromAxis), ("Greater", 7, BroadcastFromAxis), ("Less", 7, BroadcastFromAxis),
        ("Gemm", 7, (n, _) => Drop(n, "broadcast")),
        ("PRelu", 7, AlignSlope),
        ("Cast", 6, CastByName),
        ("Concat", 4, (n, _) => Default(n, "axis", 1)),
        ("Reshape", 5, (n, x) => IntegersToInput(n, x, "shape", 1)),
        ("Squeeze", 13, (n, x) => IntegersToInput(n, x, "axes", 1)),
        ("Unsqueeze", 13, (n, x) => IntegersToInput(n, x, "axes", 1)),
        ("Slice", 10, SliceToInputs),
        ("Split", 13, (n, x) => IntegersToInput(n, x, "split", 1)),
        ("Pad", 11, PadToInputs),
        ("Clip", 11, ClipToInputs),
        ("TopK", 10, TopKToInput),
        ("Dropout", 12, DropoutToInputs),
        ("ReduceSum", 13, (n, x) => IntegersToInput(n, x, "axes", 1)),
        ("ReduceMean", 18, (n, x) => IntegersToInput(n, x, "axes", 1)), ("ReduceMax", 18, (n, x) => IntegersToInput(n, x, "axes", 1)),
        ("ReduceMin", 18, (n, x) => IntegersToInput(n, x, "axes", 1)), ("ReduceProd", 18, (n, x) => IntegersToInput(n, x, "axes", 1)),
        ("ReduceL1", 18, (n, x) => IntegersToInput(n, x, "axes", 1)), ("ReduceL2", 18, (n, x) => IntegersToInput(n, x, "axes", 1)),
        ("ReduceLogSum", 18, (n, x) => IntegersToInput(n, x, "axes", 1)), ("ReduceLogSumExp", 18, (n, x) => IntegersToInput(n, x, "axes", 1)),
        ("ReduceSumSquare", 18, (n, x) => IntegersToInput(n, x, "axes", 1)),
        ("Softmax", 13, FlattenBeforeNormalizing), ("LogSoftmax", 13, FlattenBeforeNormalizing), ("Hardmax", 13, FlattenBeforeNormalizing),
        ("BatchNormalization", 14, InferenceBatchNormalization),
        ("Upsample", 10, UpsampleToResize),
        ("Resize", 11, Resize10),
        ("Resize", 13, NoHalfPixelForNearest),
        ("Scatter", 11, (n, _) => Rename(n, "ScatterElements")),
        ("GroupNormalization", 21, ScalePerGroup),
        ("GridSample", 20, GridSampleModes),
        ("RoiAlign", 16, (n, _) => Default(n, "coordinate_transformation_mode", "output_half_pixel")),
        ("LSTM", 7, (n, _) => Drop(n, "output_sequence")), ("GRU", 7, (n, _) => Drop(n, "output_sequence")), ("RNN", 7, (n, _) => Drop(n, "output_sequence")),
    ];

    private static readonly ILookup<string, (string Op, int Before, Upgrade Upgrade)> ByOperator = Table.ToLookup(row => row.Op);

    // Operators that are another operator once they are read.
    private static readonly Dictionary<string, string> ReadAs = new(StringComparer.Ordinal) { ["Upsample"] = "Resize", ["Scatter"] = "ScatterElements" };

    /// <summary>Is a node that the catalogue does not have nevertheless read?</summary>
    public static bool Replaces(string op, int opset) =>
        ReadAs.TryGetValue(op, out var now) && OpCatalog.Find("", now) is not null && ByOperator[op].Any(row => opset < row.Before);

    /// <summary>The node, or the nodes that stand for it, in the form Nabi has.</summary>
    public static IReadOnlyList<NodeProto> Apply(NodeProto node, UpgradeContext context)
    {
        var rows = ByOperator[node.OpType].Where(row => context.Opset < row.Before).ToArray();
        if (rows.Length == 0 && context.Opset >= 6) return [node];
        var copy = node.Clone();
        if (context.Opset < 6) Drop(copy, "consumed_inputs");
        foreach (var (_, _, upgrade) in rows)
            if (upgrade(copy, context) is { } replacement) return replacement;
        return [copy];
    }

    private static AttributeProto? Take(NodeProto node, string name)
    {
        for (var i = 0; i < node.Attribute.Count; i++)
        {
            if (node.Attribute[i].Name != name) continue;
            var attribute = node.Attribute[i];
            node.Attribute.RemoveAt(i);
            return attribute;
        }
        return null;
    }

    private static IReadOnlyList<NodeProto>? Drop(NodeProto node, string name)
    {
        Take(node, name);
        return null;
    }

    private static IReadOnlyList<NodeProto>? Rename(NodeProto node, string op)
    {
        node.OpType = op;
        return null;
    }

    private static IReadOnlyList<NodeProto>? Default(NodeProto node, string name, object plain)
    {
        foreach (var attribute in node.Attribute)
            if (attribute.Name == name) return null;
        node.Attribute.Add(OnnxAttributes.Proto(name, plain is int number ? (long)number : plain));
        return null;
    }

    private static void SetInput(NodeProto node, int index, string name)
    {
        while (node.Input.Count <= index) node.Input.Add("");
        node.Input[index] = name;
    }

    private static IReadOnlyList<NodeProto>? IntegersToInput(NodeProto node, UpgradeContext context, string attribute, int index)
    {
        if (Take(node, attribute) is { } list && list.Ints.Count > 0) SetInput(node, index, context.Integers(list.Ints.ToArray()));
        return null;
    }

    private static NodeProto Node(string op, string output, params ReadOnlySpan<string> inputs)
    {
        var node = new NodeProto { OpType = op, Name = output };
        foreach (var input in inputs) node.Input.Add(input);
        node.Output.Add(output);
        return node;
    }
}
