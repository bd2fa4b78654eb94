namespace Nabi.Formats;

/// <summary>
/// Evaluates shape arithmetic while a file is read, so that targets of Reshape, pads and slices are constants wherever the file allows it.
/// Only small results are folded; weights, quantizers and anything training changes stay as they are.
/// </summary>
internal static class ShapeFolding
{
    private const int MaxElements = 4096;
    private const int MaxFloatElements = 64;

    /// <summary>The outputs of a node whose inputs are constants, or that only asks for a known shape; null when it is not folded.</summary>
    public static IReadOnlyList<Tensor>? TryFold(Node node)
    {
        if (!node.Op.IsDeterministic || node.Op.Domain.Length > 0 || node.Op.Name is "QuantizeLinear" or "DequantizeLinear") return null;
        if (!node.Outputs.All(IsSmall)) return null;
        if (node.Op.Name is "Shape" or "Size" && node.Inputs[0] is { Shape.IsKnown: true } asked)
            return [node.Op.Name == "Size" ? Tensor.Scalar((long)asked.Shape.Count) : Dimensions(node.Op, asked.Shape)];
        if (!node.Inputs.All(v => v is null || (v.Constant is { } data && data.Count <= MaxElements))) return null;
        return ReferenceEvaluator.Evaluate(node, [.. node.Inputs.Select(v => v?.Constant)], new Rng(0));
    }

    // ONNX Shape: dimensions start (inclusive) to end (exclusive), negative ones from the end, clamped to the rank.
    private static Tensor Dimensions(Op op, Shape shape)
    {
        var schema = OpCatalog.Of(op);
        var (from, to) = (Bound("start", 0), Bound("end", shape.Rank));
        return Tensor.Vector<long>(Array.ConvertAll(shape.Dims[from..Math.Max(from, to)].ToArray(), d => (long)d));

        int Bound(string name, int absent)
        {
            var bound = schema.Attribute(name)?.Plain(op) is long given ? given : absent;
            return (int)Math.Clamp(bound < 0 ? bound + shape.Rank : bound, 0, shape.Rank);
        }
    }

    private static bool IsSmall(Value value) =>
        value.Shape.IsKnown && value.Shape.Count <= (value.DType.IsFloat() ? MaxFloatElements : MaxElements);
}
