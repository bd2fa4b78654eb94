using Nabi.Ops;
using Nabi.Passes;

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
    public static IReadOnlyList<Tensor>? TryFold(Node node) =>
        node.Op is QuantizeLinear or DequantizeLinear || node.Op.Domain.Length > 0
        || !node.Outputs.All(IsSmall) || node.Inputs.Any(v => v?.Constant is { Count: > MaxElements })
            ? null
            : FoldConstants.Evaluate(node, node.Inputs, long.MaxValue);

    private static bool IsSmall(Value value) =>
        value.Shape.IsKnown && value.Shape.Count <= (value.DType.IsFloat() ? MaxFloatElements : MaxElements);
}
