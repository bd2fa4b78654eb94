using Nabi.Formats.OnnxProto;

namespace Nabi.Formats;

/// <summary>Operators newer than the newest operator set written, said with older ones.</summary>
internal static class Decompositions
{
    /// <summary>x sigmoid(alpha x): an operator of its own from 24 on.</summary>
    public static NodeProto[] Swish(NodeProto proto, Ops.Swish op, DType dtype, DowngradeContext context)
    {
        var (x, argument) = (proto.Input[0], proto.Input[0]);
        var nodes = new List<NodeProto>();
        if (op.Alpha != 1) nodes.Add(Part("Mul", "alpha", x, context.Constant(Tensor.Scalar(op.Alpha).Cast(dtype), $"{proto.Name}_factor")));
        if (nodes.Count > 0) argument = nodes[0].Output[0];
        nodes.Add(Part("Sigmoid", "sigmoid", argument));
        var product = Part("Mul", "", x, nodes[^1].Output[0]);
        product.Output[0] = proto.Output[0];
        return [.. nodes, product];

        NodeProto Part(string type, string suffix, params ReadOnlySpan<string> inputs) => Step(proto, context, type, suffix, inputs);
    }

    /// <summary>x / sqrt(mean(x^2) + epsilon) scale over the axes from <c>axis</c> on: an operator of its own from 23 on.</summary>
    public static NodeProto[] RootMeanSquare(NodeProto proto, Ops.RMSNormalization op, TensorType type, DowngradeContext context)
    {
        var rank = type.Shape.Rank;
        var axes = Enumerable.Range(type.Shape.Axis(op.Axis), rank - type.Shape.Axis(op.Axis)).Select(a => (long)a).ToArray();
        var square = Step(proto, context, "Mul", "square", proto.Input[0], proto.Input[0]);
        var mean = Step(proto, context, "ReduceMean", "mean", square.Output[0]);
        if (context.Opset < 18) mean.Attribute.Add(OnnxAttributes.Proto("axes", axes));
        else mean.Input.Add(context.Constant(Tensor.Vector<long>(axes), $"{proto.Name}_axes"));
        var shifted = Step(proto, context, "Add", "shifted", mean.Output[0], context.Constant(Tensor.Scalar(op.Epsilon).Cast(type.DType), $"{proto.Name}_epsilon"));
        var root = Step(proto, context, "Sqrt", "root", shifted.Output[0]);
        var normalized = Step(proto, context, "Div", "normalized", proto.Input[0], root.Output[0]);
        var scaled = Step(proto, context, "Mul", "", normalized.Output[0], proto.Input[1]);
        scaled.Output[0] = proto.Output[0];
        return [square, mean, shifted, root, normalized, scaled];
    }

    private static NodeProto Step(NodeProto whole, DowngradeContext context, string op, string suffix, params ReadOnlySpan<string> inputs)
    {
        var node = new NodeProto { OpType = op, Name = suffix.Length == 0 ? whole.Name : $"{whole.Name}_{suffix}" };
        foreach (var input in inputs) node.Input.Add(input);
        node.Output.Add(suffix.Length == 0 ? "" : context.Fresh(node.Name));
        return node;
    }
}
