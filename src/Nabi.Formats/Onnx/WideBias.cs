using Nabi.Formats.OnnxProto;
using Nabi.Ops;

namespace Nabi.Formats;

/// <summary>
/// Biases of layers whose weights are 16-bit integers. Beside quantized inputs and weights ONNX Runtime turns a bias of floats into 32-bit integers in units of both scales
/// (its WeightBiasQuantization), of which such weights leave too few: the bias saturates. One that is integers already, in units of its own, it leaves as it is.
/// </summary>
internal static class WideBias
{
    private const int Steps = 1 << 30;

    /// <summary>The nodes that stand for a node: itself, with what its bias is read through before it.</summary>
    public static IReadOnlyList<NodeProto> Nodes(Node node, NodeProto proto, DowngradeContext context)
    {
        if (node.Op is not (Conv or ConvTranspose or Gemm) || node.Inputs is not [_, { Producer: { } weight }, { Data: { DType: DType.Float32 } bias }] || !IsWide(weight)) return [proto];
        var numbers = Tensor.Empty(DType.Int32, bias.Shape);
        var (values, scale) = (bias.ToSingle(), bias.ToSingle().Max(MathF.Abs) / Steps);
        if (scale < 1e-30f || !float.IsFinite(scale)) return [proto];
        for (var i = 0; i < values.Length; i++) numbers.Span<int>()[i] = (int)Math.Round(values[i] / (double)scale);
        var dequantize = new NodeProto { OpType = "DequantizeLinear", Name = $"{proto.Name}_bias" };
        dequantize.Input.Add([context.Constant(numbers, $"{proto.Input[2]}_quantized"), context.Constant(Tensor.Scalar(scale), $"{proto.Input[2]}_scale")]);
        dequantize.Output.Add(context.Fresh($"{proto.Input[2]}_dequantized"));
        proto.Input[2] = dequantize.Output[0];
        return [dequantize, proto];
    }

    private static bool IsWide(Node weight) => weight.Op switch
    {
        DequantizeLinear => weight.Inputs[0]!.DType is DType.Int16 or DType.UInt16,
        FakeQuantize fake => fake.QMax - fake.QMin > byte.MaxValue,
        _ => false,
    };
}
