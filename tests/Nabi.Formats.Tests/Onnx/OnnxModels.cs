using Google.Protobuf;
using Nabi.Formats.OnnxProto;

namespace Nabi.Formats.Tests;

/// <summary>Small models written field by field, as other programs would write them.</summary>
internal static class OnnxModels
{
    public static IEnumerable<byte[]> Small()
    {
        yield return Convolution(11).ToByteArray();
        yield return OldForms().ToByteArray();
        yield return ShapeArithmetic().ToByteArray();
        yield return Branch().ToByteArray();
        yield return Function().ToByteArray();
    }

    public static ModelProto Convolution(int opset) => Model(opset,
        [Input("x", 1, 3, 8, 8)],
        [
            Node("Conv", ["x", "w", "b"], ["c"], ("kernel_shape", new long[] { 3, 3 }), ("pads", new long[] { 1, 1, 1, 1 }), ("strides", new long[] { 2, 2 })),
            Node("BatchNormalization", ["c", "scale", "shift", "mean", "var"], ["n"], ("epsilon", 1e-3)),
            Node("Relu", ["n"], ["r"]),
            Node("MaxPool", ["r"], ["p"], ("kernel_shape", new long[] { 2, 2 }), ("strides", new long[] { 2, 2 }), ("auto_pad", "SAME_UPPER")),
            Node("Flatten", ["p"], ["f"], ("axis", 1L)),
            Node("Gemm", ["f", "g", "h"], ["y"], ("transB", 1L), ("alpha", 0.5)),
        ],
        ["y"],
        [Floats("w", 4, 3, 3, 3), Floats("b", 4), Floats("scale", 4), Floats("shift", 4), Floats("mean", 4), Floats("var", 4), Floats("g", 5, 16), Floats("h", 5)]);

    public static ModelProto OldForms() => Model(9,
        [Input("x", 2, 3, 4)],
        [
            Node("Slice", ["x"], ["s"], ("starts", new long[] { 1 }), ("ends", new long[] { 3 }), ("axes", new long[] { 2 })),
            Node("Squeeze", ["u"], ["q"], ("axes", new long[] { 0 })),
            Node("Unsqueeze", ["s"], ["u"], ("axes", new long[] { 0 })),
            Node("Clip", ["q"], ["c"], ("min", -1.0), ("max", 1.0)),
            Node("Pad", ["c"], ["p"], ("pads", new long[] { 0, 0, 1, 0, 0, 1 }), ("value", 2.0)),
            Node("Softmax", ["p"], ["m"], ("axis", 1L)),
            Node("ReduceMean", ["m"], ["y"], ("axes", new long[] { 1 }), ("keepdims", 0L)),
        ],
        ["y"], []);

    public static ModelProto ShapeArithmetic()
    {
        var index = new TensorProto { Name = "zero", DataType = (int)TensorProto.Types.DataType.Int64 };
        index.Int64Data.Add(0);
        var rest = new TensorProto { Name = "rest", DataType = (int)TensorProto.Types.DataType.Int64 };
        rest.Dims.Add(1);
        rest.Int64Data.Add(-1);
        return Model(13,
            [Input("x", -1, 3, 4)],
            [
                Node("Shape", ["x"], ["shape"]),
                Node("Gather", ["shape", "zero"], ["n"], ("axis", 0L)),
                Node("Unsqueeze", ["n", "axes"], ["n1"]),
                Node("Concat", ["n1", "rest"], ["target"], ("axis", 0L)),
                Node("Reshape", ["x", "target"], ["flat"]),
                Node("MatMul", ["flat", "w"], ["y"]),
            ],
            ["y"], [index, rest, Integers("axes", 0), Floats("w", 12, 2)]);
    }

    public static ModelProto Branch()
    {
        var condition = new TensorProto { Name = "cond", DataType = (int)TensorProto.Types.DataType.Bool };
        condition.Int32Data.Add(1);
        var node = Node("If", ["cond"], ["y"]);
        foreach (var (name, op) in new[] { ("then_branch", "Relu"), ("else_branch", "Neg") })
        {
            var body = new GraphProto { Name = name };
            body.Node.Add(Node(op, ["x"], ["inside"]));
            body.Output.Add(new ValueInfoProto { Name = "inside" });
            node.Attribute.Add(new AttributeProto { Name = name, Type = AttributeProto.Types.AttributeType.Graph, G = body });
        }
        return Model(13, [Input("x", 3)], [node], ["y"], [condition]);
    }

    public static ModelProto Function()
    {
        var function = new FunctionProto { Name = "Twice", Domain = "local" };
        function.Input.Add("a");
        function.Output.Add("b");
        function.Attribute.Add("slope");
        var leaky = Node("LeakyRelu", ["a"], ["t"]);
        leaky.Attribute.Add(new AttributeProto { Name = "alpha", RefAttrName = "slope", Type = AttributeProto.Types.AttributeType.Float });
        function.Node.Add(leaky);
        function.Node.Add(Node("Add", ["t", "t"], ["b"]));
        function.OpsetImport.Add(new OperatorSetIdProto { Version = 17 });
        var call = Node("Twice", ["x"], ["y"], ("slope", 0.25));
        call.Domain = "local";
        var model = Model(17, [Input("x", 3)], [call], ["y"], []);
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "local", Version = 1 });
        model.Functions.Add(function);
        return model;
    }

    public static ModelProto Model(int opset, ValueInfoProto[] inputs, NodeProto[] nodes, string[] outputs, TensorProto[] tensors)
    {
        var model = new ModelProto { IrVersion = 8, Graph = new GraphProto { Name = "test" } };
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "ai.onnx", Version = opset });
        model.Graph.Input.AddRange(inputs);
        model.Graph.Node.AddRange(nodes);
        model.Graph.Output.AddRange(outputs.Select(o => new ValueInfoProto { Name = o }));
        model.Graph.Initializer.AddRange(tensors);
        return model;
    }

    public static NodeProto Node(string op, string[] inputs, string[] outputs, params (string Name, object Value)[] attributes)
    {
        var node = new NodeProto { OpType = op, Name = outputs[0] + "_node" };
        node.Input.AddRange(inputs);
        node.Output.AddRange(outputs);
        node.Attribute.AddRange(attributes.Select(a => OnnxAttributes.Proto(a.Name, a.Value)));
        return node;
    }

    public static ValueInfoProto Input(string name, params long[] dims)
    {
        var tensor = new TypeProto.Types.Tensor { ElemType = (int)TensorProto.Types.DataType.Float, Shape = new TensorShapeProto() };
        foreach (var dim in dims)
            tensor.Shape.Dim.Add(dim < 0 ? new TensorShapeProto.Types.Dimension { DimParam = "N" } : new TensorShapeProto.Types.Dimension { DimValue = dim });
        return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = tensor } };
    }

    public static TensorProto Floats(string name, params int[] dims)
    {
        var tensor = Tensor.Zeros(DType.Float32, Shape.Create(dims));
        for (var i = 0; i < tensor.Count; i++) tensor.Span<float>()[i] = (i % 7 - 3) * 0.25f;
        return OnnxTensors.Write(tensor, name);
    }

    public static TensorProto Integers(string name, params long[] values) => OnnxTensors.Write(Tensor.Vector<long>(values), name);
}
