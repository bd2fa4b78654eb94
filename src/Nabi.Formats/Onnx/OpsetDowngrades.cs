using Nabi.Formats.OnnxProto;

namespace Nabi.Formats;

/// <summary>
/// What an operator set does not have yet: whole operators, attributes, and inputs that were attributes. The counterpart of
/// <see cref="OpsetUpgrades"/> for writing.
/// </summary>
internal static class OpsetDowngrades
{
    private const int Oldest = 17, Newest = 22;

    // The operator set that brought an operator in the form Nabi has, where that is after the oldest written.
    private static readonly Dictionary<string, int> Since = new(StringComparer.Ordinal)
    {
        ["BitwiseAnd"] = 18, ["BitwiseOr"] = 18, ["BitwiseXor"] = 18, ["BitwiseNot"] = 18, ["CenterCropPad"] = 18, ["Col2Im"] = 18, ["Mish"] = 18,
        ["DeformConv"] = 19, ["Gelu"] = 20, ["AffineGrid"] = 20, ["GroupNormalization"] = 21, ["Attention"] = 23,
        ["RotaryEmbedding"] = 23,
    };

    // Attributes an older operator set does not know; what they say must then be what it does anyway.
    private static readonly (string Op, string Attribute, int Since)[] Attributes =
    [
        ("Resize", "antialias", 18), ("Resize", "axes", 18), ("Resize", "keep_aspect_ratio_policy", 18), ("Split", "num_outputs", 18),
        ("Cast", "saturate", 19), ("CastLike", "saturate", 19), ("QuantizeLinear", "saturate", 19), ("AveragePool", "dilations", 19),
        ("QuantizeLinear", "block_size", 21), ("DequantizeLinear", "block_size", 21), ("QuantizeLinear", "output_dtype", 21),
        ("GroupNormalization", "stash_type", 21), ("QuantizeLinear", "precision", 23), ("LpPool", "dilations", 18),
        ("MaxUnpool", "auto_pad", Newest + 1), ("MaxUnpool", "dilations", Newest + 1),
        ("ReduceMean", "noop_with_empty_axes", 18), ("ReduceMax", "noop_with_empty_axes", 18), ("ReduceMin", "noop_with_empty_axes", 18),
        ("ReduceProd", "noop_with_empty_axes", 18), ("ReduceL1", "noop_with_empty_axes", 18), ("ReduceL2", "noop_with_empty_axes", 18),
        ("ReduceLogSum", "noop_with_empty_axes", 18), ("ReduceLogSumExp", "noop_with_empty_axes", 18), ("ReduceSumSquare", "noop_with_empty_axes", 18),
    ];

    private static readonly ILookup<string, (string Op, string Attribute, int Since)> ByOperator = Attributes.ToLookup(row => row.Op);

    /// <summary>The operator set to write.</summary>
    /// <exception cref="NabiException">The wanted one lacks an operator, or is out of range.</exception>
    public static int Choose(Graph graph, OnnxWriteOptions options)
    {
        if (options.Opset is < Oldest or > Newest) throw new NabiException($"Operator set {options.Opset} cannot be written; choose {Oldest} to {Newest}.");
        var lowest = Oldest;
        Node? newest = null;
        foreach (var node in graph.Nodes)
        {
            if (Needed(node) is var needed && needed > lowest) (lowest, newest) = (needed, node);
        }
        var opset = options.Opset ?? lowest;
        if (opset >= lowest && opset <= Newest) return opset;
        throw new NabiException($"Node '{newest!.Name}' ({newest.Op.Name}) needs operator set {lowest}, but {opset} is {(opset > Newest ? "the newest that can be" : "to be")} written; "
            + (lowest > Newest ? "replace the operator." : $"write operator set {lowest}."));
    }

    /// <summary>The node as the operator set has it.</summary>
    /// <exception cref="NabiException">It cannot be said.</exception>
    public static IReadOnlyList<NodeProto> Apply(NodeProto proto, Node node, DowngradeContext context)
    {
        foreach (var (_, name, since) in ByOperator[proto.OpType])
            if (context.Opset < since) Remove(proto, name);
        if (context.Opset < 18 && proto.OpType.StartsWith("Reduce", StringComparison.Ordinal) && proto.OpType != "ReduceSum") AxesToAttribute(proto, context);
        if (context.Opset < 20 && proto.OpType == "GridSample") GridSampleModes(proto);
        return node.Op switch
        {
            Ops.Swish swish => Decompositions.Swish(proto, swish, node.Output.DType, context),
            Ops.RMSNormalization norm => Decompositions.RootMeanSquare(proto, norm, node.Inputs[0]!.Type, context),
            _ => context.IsExchange ? WideBias.Nodes(node, proto, context) : [proto],
        };
    }

    private static int Needed(Node node)
    {
        var needed = node.Op.Domain.Length == 0 ? Since.GetValueOrDefault(node.Op.Name, Oldest) : Oldest;
        if (node.Op is Ops.QuantizeLinear or Ops.DequantizeLinear && node.Inputs.Concat(node.Outputs).Any(v => v?.DType is DType.Int4 or DType.Int16 or DType.UInt16))
            needed = 21;
        if (node.Op is Ops.FakeQuantize { QMin: >= short.MinValue, QMax: <= ushort.MaxValue } fake && fake.QMax - fake.QMin > byte.MaxValue) needed = 21;   // 16 bits
        if (node.Op is Ops.Reduction and not Ops.ReduceSum && node.Inputs.Count > 1 && node.Inputs[1] is { Data: null }) needed = 18;
        if (node.Op.Name == "Pad" && node.Inputs.Count > 3) needed = 18;
        foreach (var (_, name, since) in ByOperator[node.Op.Name])
            if (since > needed && OpCatalog.Of(node.Op).Attribute(name) is { } attribute && !IsHarmless(node, attribute)) needed = since;
        return needed;
    }

    // Left out, it means what the operator set does anyway.
    private static bool IsHarmless(Node node, OpAttribute attribute) => (attribute.Key, attribute.Plain(node.Op)) switch
    {
        (_, null or 0L or 0.0 or "") => true,
        ("autopad", "NotSet") => true,
        ("saturate" or "numoutputs" or "stashtype", _) => true,
        ("keepaspectratiopolicy", string policy) => OpAttribute.Squash(policy) == "stretch",
        ("dilations", long[] dilations) => Array.TrueForAll(dilations, d => d == 1),
        ("outputdtype" or "precision", DType) => true,
        _ => false,
    };

    private static void Remove(NodeProto proto, string name)
    {
        for (var i = proto.Attribute.Count - 1; i >= 0; i--)
            if (proto.Attribute[i].Name == name) proto.Attribute.RemoveAt(i);
    }

    private static void AxesToAttribute(NodeProto proto, DowngradeContext context)
    {
        if (proto.Input.Count < 2) return;
        if (proto.Input[1].Length > 0 && context.Constants[proto.Input[1]].ToInt64() is { Length: > 0 } axes) proto.Attribute.Add(OnnxAttributes.Proto("axes", axes));
        while (proto.Input.Count > 1) proto.Input.RemoveAt(proto.Input.Count - 1);
    }

    private static void GridSampleModes(NodeProto proto)
    {
        foreach (var attribute in proto.Attribute)
        {
            if (attribute.Name != "mode") continue;
            var mode = attribute.S.ToStringUtf8();
            attribute.S = Google.Protobuf.ByteString.CopyFromUtf8(mode switch { "linear" => "bilinear", "cubic" => "bicubic", _ => mode });
        }
    }
}
