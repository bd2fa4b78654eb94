using Nabi.Ops;

namespace Nabi.Bench.Peers;

/// <summary>
/// Activations of a Q/DQ graph as uint8 where they are int8: the same numbers, 128 higher, around a zero point 128 higher. ONNX Runtime's kernels on x64
/// multiply uint8 by int8; of int8 activations it turns only those with one reader into uint8, and computes in float around the others.
/// </summary>
internal static class UnsignedActivations
{
    /// <summary>The pass.</summary>
    public static Pass Pass { get; } = new("uint8 activations", Apply);

    private static Graph Apply(Graph graph)
    {
        var zeros = graph.Nodes.Where(n => n.Op is QuantizeLinear || n is { Op: DequantizeLinear, Inputs: [{ Data: null }, ..] })
            .Select(n => n.Inputs.ElementAtOrDefault(2)).OfType<Value>().Where(z => z is { DType: DType.Int8, Data: not null }).ToHashSet();
        var rewriter = new Rewriter(graph, parameter: p => zeros.Contains(p) ? Raised(p.Data!) : p.Data!);
        foreach (var node in graph.Nodes) rewriter.Visit(node, null);
        return rewriter.Finish();
    }

    private static Tensor Raised(Tensor zero)
    {
        var raised = Tensor.Empty(DType.UInt8, zero.Shape);
        for (var i = 0; i < zero.Count; i++) raised.Span<byte>()[i] = (byte)(zero.Span<sbyte>()[i] + 128);
        return raised;
    }
}
