using Nabi.Compression.Quantization;
using Nabi.Ops;

namespace Nabi.Compression.Reports;

/// <summary>One layer of a network, for tables.</summary>
/// <param name="Name">The node.</param>
/// <param name="Op">Its operator.</param>
/// <param name="Output">Shape of its output for one sample.</param>
/// <param name="Macs">Multiply-accumulates for one sample.</param>
/// <param name="Parameters">Learned numbers it reads.</param>
/// <param name="Bytes">Bytes of its parameters as stored.</param>
/// <param name="Sqnr">Signal-to-quantization-noise ratio of its output in dB; null where nothing was quantized.</param>
/// <param name="KeptInFloat">Why it stayed in float; null when it did not or nothing was quantized.</param>
public sealed record LayerRow(string Name, string Op, Shape Output, long Macs, long Parameters, long Bytes, double? Sqnr, string? KeptInFloat)
{
    /// <summary>The layers of a graph that multiply or have parameters, in order.</summary>
    /// <param name="graph">The graph; an unknown batch size is taken as 1.</param>
    /// <param name="quantized">How layers came through quantization, if they were.</param>
    public static IReadOnlyList<LayerRow> Of(Graph graph, IReadOnlyList<QuantizedLayer>? quantized = null)
    {
        var layers = quantized?.ToDictionary(l => l.Node, StringComparer.Ordinal) ?? [];
        var rows = new List<LayerRow>();
        foreach (var node in graph.WithBatch(1).Nodes)
        {
            if (node.Op is QuantizeLinear or DequantizeLinear or FakeQuantize or Codebook || !node.Output.Shape.IsKnown) continue;
            var parameters = node.Inputs.Select(StoredBehind).OfType<Value>().ToArray();
            var (macs, learned) = (node.Cost.Macs, parameters.Where(IsLearned).Sum(p => (long)p.Shape.Count));
            if (macs == 0 && learned == 0) continue;
            var layer = layers.GetValueOrDefault(node.Name);
            rows.Add(new LayerRow(node.Name, node.Op.Name, node.Output.Shape, macs, learned, parameters.Sum(p => p.Type.Bytes), layer?.Sqnr,
                layer?.KeptInFloat));
        }
        return rows;
    }

    private static bool IsLearned(Value value) => value.IsLearned || value.DType == DType.Int32;

    // The stored parameter, also where it is stored as integers or rounded while training.
    private static Value? StoredBehind(Value? value) => value is null ? null
        : value.Data is not null ? value
        : value.Producer is { Op: DequantizeLinear or FakeQuantize or Codebook, Inputs: [{ Data: not null } stored, ..] } ? stored
        : null;
}
