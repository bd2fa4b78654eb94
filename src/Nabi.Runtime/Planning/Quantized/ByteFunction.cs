using Nabi.Ops;
using Nabi.Runtime.Kernels;
using Nabi.Runtime.Planning.Lowering;

namespace Nabi.Runtime.Planning.Quantized;

/// <summary>
/// Elementwise nodes between QuantizeLinear and one DequantizeLinear, with nothing but numbers besides: a function of a byte, whatever they compute. Its
/// 256 results are found when the plan is made, by the operators' reference evaluation.
/// </summary>
internal static class ByteFunction
{
    /// <summary>The match that ends at this QuantizeLinear, or null.</summary>
    public static QuantizedFunction? Of(Node quantize, QuantizedFormat format)
    {
        var group = new List<Node>();
        Value? source = null;
        if (!Collect(quantize.Inputs[0]!, quantize.Inputs[0]!.Shape, group, ref source) || source is null) return null;
        group.Add(quantize);
        foreach (var node in group.SkipLast(1))
            if (node.Output.IsOutput || !node.Output.Users.All(group.Contains)) return null;
        var stored = source.Producer!.Inputs[0]!;
        if (QuantizedMatcher.FormatOf(source.Producer, stored.DType) is not { } input) return null;
        return new QuantizedFunction(group, new QuantizedValue(stored, input), format, Table(group, source, input));
    }

    // Inputs before their readers.
    private static bool Collect(Value value, Shape shape, List<Node> group, ref Value? source)
    {
        if (value is { IsUpdated: false, Data.Count: 1 }) return true;
        if (value.Producer is not { } node || !value.Shape.Equals(shape) || value.DType != DType.Float32) return false;
        if (node.Op is DequantizeLinear { BlockSize: 0 })
        {
            source ??= value;
            return value == source;
        }
        if (group.Contains(node)) return true;
        if (node.Op is not (Add or Sub or Mul or Div or Max or Min) && !Activations.TryGet(node, out _)) return false;
        foreach (var input in node.Inputs)
            if (input is not null && !Collect(input, shape, group, ref source)) return false;
        group.Add(node);
        return true;
    }

    private static Tensor Table(List<Node> group, Value source, QuantizedFormat input)
    {
        var bytes = Tensor.Empty(input.IsSigned ? DType.Int8 : DType.UInt8, [ByteTable.Size]);
        for (var i = 0; i < ByteTable.Size; i++) bytes.Bytes[i] = (byte)i;
        var values = new Dictionary<Value, Tensor> { [source] = Evaluate(source.Producer!, [bytes, .. Constants(source.Producer!)]) };
        foreach (var node in group.SkipLast(1))
            values[node.Output] = Evaluate(node, [.. node.Inputs.Select(v => v is null ? null : values.GetValueOrDefault(v) ?? v.Data!.Reshape(Shape.Scalar))]);
        return Evaluate(group[^1], [values[group[^1].Inputs[0]!], .. Constants(group[^1])]);

        static IEnumerable<Tensor?> Constants(Node node) => node.Inputs.Skip(1).Select(v => v?.Data?.Reshape(Shape.Scalar));

        static Tensor Evaluate(Node node, Tensor?[] inputs) => ReferenceEvaluator.Evaluate(node, inputs, new Rng(0))[0];
    }
}
