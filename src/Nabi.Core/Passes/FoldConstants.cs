using Nabi.Ops;

namespace Nabi.Passes;

/// <summary>
/// Evaluates nodes whose inputs are all constants, and questions for a shape that is known. Parameters that training changes are not constants; weights stored in
/// fewer bits stay so: what <see cref="Op.IsDecoding"/> is not evaluated.
/// </summary>
public static class FoldConstants
{
    /// <summary>Results larger than their inputs are folded up to this many bytes: 16 MiB.</summary>
    public const long LargestGrowth = 16 << 20;

    private const int LargestUnknown = 1 << 16;

    /// <summary>The pass; quantized weights stay quantized.</summary>
    public static Pass Pass { get; } = new("fold constants", graph => Run(graph, foldDecoded: false));

    /// <summary>The pass that turns quantized weights into floating-point numbers as well.</summary>
    public static Pass WithDequantized { get; } = new("fold constants and dequantize weights", graph => Run(graph, foldDecoded: true));

    /// <summary>The outputs of a node over the given (new) inputs, or null when it is not folded.</summary>
    /// <param name="node">The node.</param>
    /// <param name="inputs">What stands for its inputs.</param>
    /// <param name="largestGrowth">Most bytes of a result that is larger than its inputs.</param>
    internal static IReadOnlyList<Tensor>? Evaluate(Node node, IReadOnlyList<Value?> inputs, long largestGrowth)
    {
        if (!node.Op.IsDeterministic || node.Outputs.Count == 0) return null;
        if (inputs is [{ Shape: { IsKnown: true } asked }])
        {
            if (node.Op is ShapeOf shapeOf) return [shapeOf.Answer(asked)];
            if (node.Op is Size) return [Size.Answer(asked)];
        }
        long read = 0;
        foreach (var input in inputs)
        {
            if (input is null) continue;
            if (input.Constant is not { } constant) return null;
            read += constant.Bytes.Length;
        }
        long written = 0;
        foreach (var type in Types(node, inputs))
        {
            // Outputs of unknown size (NonZero, Unique) are at most a small multiple of the input.
            if (!type.Shape.IsKnown && read > LargestUnknown) return null;
            written += type.Shape.IsKnown ? type.Bytes : 0;
        }
        if (written > read && written > largestGrowth) return null;
        return ReferenceEvaluator.Evaluate(node, [.. inputs.Select(v => v?.Constant)], new Rng(0));
    }

    private static Graph Run(Graph graph, bool foldDecoded) => graph.Rewrite((node, r) =>
    {
        if (!foldDecoded && IsStored(node)) return null;
        var results = Evaluate(node, [.. node.Inputs.Select(r.Map)], LargestGrowth);
        return results is null ? null : Constants(node, results, r);
    });

    // Weights stored in 16 bits are decoded by a cast.
    internal static bool IsStored(Node node) => node.Op.IsDecoding
        || node is { Op: Cast { To: DType.Float32 }, Inputs: [{ DType: DType.Float16 or DType.BFloat16, Data: not null, Shape.Rank: > 1 }] };

    /// <summary>Constants named after the outputs they stand for.</summary>
    internal static IReadOnlyList<Value> Constants(Node node, IReadOnlyList<Tensor> tensors, Rewriter r) =>
        [.. node.Outputs.Select((output, i) => r.Builder.Constant(tensors[i], output.Name))];

    // The old types may be vaguer than what the new inputs tell.
    private static IEnumerable<TensorType> Types(Node node, IReadOnlyList<Value?> inputs)
    {
        var types = node.Op.Infer(new InferContext(node.Op, node.Name, inputs, node.Outputs.Count));
        for (var i = 0; i < node.Outputs.Count; i++) yield return types[i];
    }
}
