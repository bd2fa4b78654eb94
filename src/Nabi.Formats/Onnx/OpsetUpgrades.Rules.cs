using Nabi.Formats.OnnxProto;

namespace Nabi.Formats;

// The changes that need more than moving a list of integers.
internal static partial class OpsetUpgrades
{
    // Before 7 the second operand was aligned with the first at `axis` instead of at the end.
    private static IReadOnlyList<NodeProto>? BroadcastFromAxis(NodeProto node, UpgradeContext context)
    {
        Take(node, "broadcast");
        if (Take(node, "axis") is not { } axis) return null;
        var (left, right) = (context.Input(node, 0).Shape, context.Input(node, 1).Shape);
        var trailing = left.Rank - (axis.I < 0 ? axis.I + left.Rank : axis.I) - right.Rank;
        return trailing <= 0 ? null : Trailing(node, context, (int)Math.Min(trailing, 64));
    }

    // Before 7 a slope of rank 1 was one per channel.
    private static IReadOnlyList<NodeProto>? AlignSlope(NodeProto node, UpgradeContext context)
    {
        var (x, slope) = (context.Input(node, 0).Shape, context.Input(node, 1).Shape);
        return slope.Rank == 1 && slope[0] != 1 && x.Rank > 2 ? Trailing(node, context, x.Rank - 2) : null;
    }

    // Input 1 with axes of size 1 appended.
    private static NodeProto[] Trailing(NodeProto node, UpgradeContext context, int count)
    {
        var rank = context.Input(node, 1).Shape.Rank;
        var axes = new long[count];
        for (var i = 0; i < count; i++) axes[i] = rank + i;
        var aligned = Node("Unsqueeze", context.Fresh(node), node.Input[1], context.Integers(axes));
        node.Input[1] = aligned.Output[0];
        return [aligned, node];
    }

    private static IReadOnlyList<NodeProto>? CastByName(NodeProto node, UpgradeContext context)
    {
        if (Take(node, "to") is not { } to) return null;
        var code = to.HasS && Enum.TryParse<TensorProto.Types.DataType>(to.S.ToStringUtf8(), ignoreCase: true, out var type) ? (long)type : to.I;
        node.Attribute.Add(OnnxAttributes.Proto("to", code));
        return null;
    }

    private static IReadOnlyList<NodeProto>? SliceToInputs(NodeProto node, UpgradeContext context)
    {
        IntegersToInput(node, context, "starts", 1);
        IntegersToInput(node, context, "ends", 2);
        return IntegersToInput(node, context, "axes", 3);
    }

    private static IReadOnlyList<NodeProto>? PadToInputs(NodeProto node, UpgradeContext context)
    {
        if (context.Opset < 2 && Take(node, "paddings") is { } paddings) SetInput(node, 1, context.Integers(paddings.Ints.ToArray()));
        IntegersToInput(node, context, "pads", 1);
        if (Take(node, "value") is { F: not 0 } value) SetInput(node, 2, ScalarLike(node, context, value.F));
        return null;
    }

    private static IReadOnlyList<NodeProto>? ClipToInputs(NodeProto node, UpgradeContext context)
    {
        if (Take(node, "min") is { } min) SetInput(node, 1, ScalarLike(node, context, min.F));
        if (Take(node, "max") is { } max) SetInput(node, 2, ScalarLike(node, context, max.F));
        return null;
    }

    private static string ScalarLike(NodeProto node, UpgradeContext context, float number) =>
        context.Constant(Tensor.Scalar(number).Cast(context.Input(node, 0).DType));

    private static IReadOnlyList<NodeProto>? TopKToInput(NodeProto node, UpgradeContext context)
    {
        if (Take(node, "k") is { } k) SetInput(node, 1, context.Integers(k.I));
        return null;
    }

    // Before 7 `is_test` said that nothing is dropped; from 7 to 11 a loaded model never drops.
    private static IReadOnlyList<NodeProto>? DropoutToInputs(NodeProto node, UpgradeContext context)
    {
        Take(node, "is_test");
        if (Take(node, "ratio") is { } ratio) SetInput(node, 1, context.Constant(Tensor.Scalar(ratio.F)));
        return null;
    }

    // Before 13 everything from `axis` on (default 1) was normalized together, as if flattened into one row.
    private static IReadOnlyList<NodeProto>? FlattenBeforeNormalizing(NodeProto node, UpgradeContext context)
    {
        var shape = context.Input(node, 0).Shape;
        if (!shape.IsRanked) throw new NabiException("the rank of its input is not known, which operator sets before 13 need");
        var axis = Take(node, "axis") is { } given ? given.I : 1;
        if (axis == shape.Rank && axis > 0) axis--;
        var from = shape.Axis(axis);
        node.Attribute.Add(OnnxAttributes.Proto("axis", -1L));
        if (from == shape.Rank - 1) return null;
        var flat = Node("Flatten", context.Fresh(node), node.Input[0]);
        flat.Attribute.Add(OnnxAttributes.Proto("axis", (long)from));
        var dims = Node("Shape", context.Fresh(node), node.Input[0]);
        var normalized = context.Fresh(node);
        var back = Node("Reshape", node.Output[0], normalized, dims.Output[0]);
        (node.Input[0], node.Output[0]) = (flat.Output[0], normalized);
        return [dims, flat, node, back];
    }

    // Outputs beyond the first were training's; `spatial` = 0 normalized every pixel by itself, which nothing exports.
    private static IReadOnlyList<NodeProto>? InferenceBatchNormalization(NodeProto node, UpgradeContext context)
    {
        Take(node, "is_test");
        if (Take(node, "spatial") is { HasI: true, I: 0 } && context.Opset < 9 && context.Input(node, 0).Shape.Rank > 2)
            throw new NabiException("normalization that is not per channel (spatial = 0) is not supported");
        while (node.Output.Count > 1) node.Output.RemoveAt(node.Output.Count - 1);
        return null;
    }

    private static IReadOnlyList<NodeProto>? UpsampleToResize(NodeProto node, UpgradeContext context)
    {
        node.OpType = "Resize";
        if (Take(node, "scales") is { } scales)
            SetInput(node, 1, context.Constant(Tensor.Vector(scales.Floats.ToArray())));
        return Resize10(node, context);
    }

    // Resize of operator set 10: inputs are data and scales; coordinates are asymmetric, nearest rounds down.
    private static IReadOnlyList<NodeProto>? Resize10(NodeProto node, UpgradeContext context)
    {
        if (node.Input.Count < 2) throw new NabiException("its scales are missing");
        var scales = node.Input[1];
        node.Input[1] = "";
        SetInput(node, 2, scales);
        Default(node, "coordinate_transformation_mode", "asymmetric");
        Default(node, "nearest_mode", "floor");
        foreach (var attribute in node.Attribute)
            if (attribute.Name == "mode" && attribute.S.ToStringUtf8() == "bilinear") attribute.S = Google.Protobuf.ByteString.CopyFromUtf8("linear");
        return null;
    }

    private static IReadOnlyList<NodeProto>? NoHalfPixelForNearest(NodeProto node, UpgradeContext context)
    {
        foreach (var attribute in node.Attribute)
            if (attribute.Name == "coordinate_transformation_mode" && attribute.S.ToStringUtf8() == "tf_half_pixel_for_nn")
                throw new NabiException("coordinate mode tf_half_pixel_for_nn, which ONNX has dropped, is not supported");
        return null;
    }

    // Operator sets 18 to 20 had one scale and bias per group; each is repeated for the channels of its group.
    private static IReadOnlyList<NodeProto>? ScalePerGroup(NodeProto node, UpgradeContext context)
    {
        long groups = 0;
        foreach (var attribute in node.Attribute)
            if (attribute.Name == "num_groups") groups = attribute.I;
        var channels = context.Input(node, 0).Shape[1];
        if (groups <= 0 || channels <= 0 || channels % groups != 0) throw new NabiException($"{channels} channels cannot be divided into {groups} groups");
        var nodes = new List<NodeProto>();
        for (var i = 1; i <= 2; i++)
        {
            var column = Node("Unsqueeze", context.Fresh(node), node.Input[i], context.Integers(1));
            var rows = Node("Expand", context.Fresh(node), column.Output[0], context.Integers(groups, channels / groups));
            var flat = Node("Reshape", context.Fresh(node), rows.Output[0], context.Integers(channels));
            node.Input[i] = flat.Output[0];
            nodes.AddRange([column, rows, flat]);
        }
        return [.. nodes, node];
    }

    private static IReadOnlyList<NodeProto>? GridSampleModes(NodeProto node, UpgradeContext context)
    {
        foreach (var attribute in node.Attribute)
        {
            if (attribute.Name != "mode") continue;
            var mode = attribute.S.ToStringUtf8();
            attribute.S = Google.Protobuf.ByteString.CopyFromUtf8(mode switch { "bilinear" => "linear", "bicubic" => "cubic", _ => mode });
        }
        return null;
    }
}
