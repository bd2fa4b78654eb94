using Nabi.Formats.OnnxProto;
using Nabi.Ops;

namespace Nabi.Formats;

/// <summary>
/// Fake quantization in the form other runtimes know. An activation becomes QuantizeLinear and DequantizeLinear; a parameter is stored as the
/// integers it stands for, with a DequantizeLinear, so that the file is as small as the network is.
/// </summary>
internal static class FakeQuantizeExport
{
    private static readonly Shape OneElement = [1];

    /// <summary>The nodes that stand for a FakeQuantize node.</summary>
    /// <exception cref="NabiException">Its scale or zero point depends on the inputs.</exception>
    public static IReadOnlyList<NodeProto> Nodes(Node node, NodeProto proto, DowngradeContext context)
    {
        var op = (FakeQuantize)node.Op;
        var scale = Known(node.Inputs[1]) ?? throw new NabiException("it has no scale");
        var zero = node.Inputs.Count > 2 ? Known(node.Inputs[2]) : null;
        if (TypeOf(op, zero, context.Opset) is not { } type)
        {
            // No 8 or 16 bit integers hold the range (32-bit biases): a parameter keeps the floats it stands for.
            var data = node.Inputs[0]!.Data ?? throw new NabiException($"integers of {op.QMin} to {op.QMax} have no ONNX type for activations");
            var floats = op.Evaluate(new EvalContext([data, scale, zero], 1, new Rng(0)))[0];
            return [Renamed(proto, "Identity", context.Constant(floats, $"{proto.Input[0]}_rounded"))];
        }
        if (scale.Shape.Equals(OneElement)) (scale, zero) = (scale.Reshape(Shape.Scalar), zero?.Reshape(Shape.Scalar));
        zero = (zero ?? Tensor.Zeros(DType.Int8, scale.Shape)).Cast(type);
        var (scaleName, zeroName) = (context.Constant(scale, $"{proto.Name}_scale"), context.Constant(zero, $"{proto.Name}_zero_point"));
        var axis = OnnxAttributes.Proto("axis", (long)op.Axis);
        var nodes = new List<NodeProto>();
        string integers;
        if (node.Inputs[0]!.Data is { } weights)
        {
            integers = context.Constant(Integers(op, weights, scale, zero, type), $"{proto.Input[0]}_quantized");
        }
        else
        {
            var source = Clipped(op, proto, scale, zero, type, context, nodes);
            integers = context.Fresh($"{proto.Output[0]}_quantized");
            var quantize = new NodeProto { OpType = "QuantizeLinear", Name = $"{proto.Name}_quantize" };
            quantize.Input.Add([source, scaleName, zeroName]);
            quantize.Output.Add(integers);
            quantize.Attribute.Add(axis);
            nodes.Add(quantize);
        }
        var dequantize = Renamed(proto, "DequantizeLinear", integers);
        dequantize.Input.Add([scaleName, zeroName]);
        dequantize.Attribute.Add(axis);
        return [.. nodes, dequantize];
    }

    private static Tensor? Known(Value? value) => value is null ? null
        : value.Data ?? throw new NabiException("its scale and zero point must be parameters; calibrate or fold them first");

    private static DType? TypeOf(FakeQuantize op, Tensor? zero, int opset)
    {
        var narrow = zero?.DType is DType.UInt8 || (zero?.DType is not DType.Int8 && op.QMin >= 0) ? DType.UInt8 : DType.Int8;
        var (low, high) = narrow == DType.UInt8 ? (0, 255) : (-128, 127);
        if (op.QMin >= -8 && op.QMax <= 7 && narrow == DType.Int8 && opset >= 21) return DType.Int4;
        if (op.QMin >= low && op.QMax <= high) return narrow;
        if (opset < 21) return null;
        return op.QMin >= short.MinValue && op.QMax <= short.MaxValue ? DType.Int16 : op.QMin >= 0 && op.QMax <= ushort.MaxValue ? DType.UInt16 : null;
    }

    private static Tensor Integers(FakeQuantize op, Tensor weights, Tensor scale, Tensor zero, DType type)
    {
        var wide = type == DType.Int4 ? DType.Int8 : type;
        var quantize = new QuantizeLinear { Axis = op.Axis };
        var integers = quantize.Evaluate(new EvalContext([weights, scale, zero.Cast(wide)], 1, new Rng(0)))[0].Cast(DType.Int32);
        foreach (ref var q in integers.Span<int>()) q = Math.Clamp(q, op.QMin, op.QMax);
        return integers.Cast(type);
    }

    // QuantizeLinear saturates at the limits of its type; a narrower range is clipped before, in the units of the input.
    private static string Clipped(FakeQuantize op, NodeProto proto, Tensor scale, Tensor zero, DType type, DowngradeContext context, List<NodeProto> nodes)
    {
        var (low, high) = type switch
        {
            DType.UInt8 => (0, 255),
            DType.Int8 => (-128, 127),
            DType.Int4 => (-8, 7),
            DType.Int16 => (short.MinValue, (int)short.MaxValue),
            _ => (0, ushort.MaxValue),
        };
        if (op.QMin <= low && op.QMax >= high) return proto.Input[0];
        if (scale.Count != 1) throw new NabiException($"a range of {op.QMin} to {op.QMax} along an axis has no ONNX form for activations");
        var clip = new NodeProto { OpType = "Clip", Name = $"{proto.Name}_clip" };
        clip.Input.Add([proto.Input[0], Limit(op.QMin), Limit(op.QMax)]);
        clip.Output.Add(context.Fresh($"{proto.Output[0]}_clipped"));
        nodes.Add(clip);
        return clip.Output[0];

        string Limit(int q) => context.Constant(Tensor.Scalar((q - zero.Item()) * scale.Item()).Cast(scale.DType), $"{proto.Name}_limit");
    }

    private static NodeProto Renamed(NodeProto proto, string op, string input)
    {
        var node = new NodeProto { OpType = op, Name = proto.Name };
        node.Input.Add(input);
        node.Output.Add(proto.Output);
        return node;
    }
}
