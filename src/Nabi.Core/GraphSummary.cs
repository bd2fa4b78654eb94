namespace Nabi;

/// <summary>One node in numbers.</summary>
/// <param name="Name">The node's name.</param>
/// <param name="Operator">The operator's name.</param>
/// <param name="OutputShape">Shape of the first output.</param>
/// <param name="Parameters">Elements of trainable and quantized parameters read first by this node.</param>
/// <param name="ParameterBytes">Bytes of all parameters and constants read first by this node.</param>
/// <param name="Cost">Multiply-accumulates, operations, memory traffic.</param>
public sealed record LayerSummary(string Name, string Operator, Shape OutputShape, long Parameters, long ParameterBytes, Cost Cost);

/// <summary>A graph in numbers: what <c>inspect</c>, reports and budgets read.</summary>
public sealed record GraphSummary
{
    private GraphSummary(IReadOnlyList<LayerSummary> layers, long parameters, long peakActivationBytes)
    {
        (Layers, Parameters, PeakActivationBytes) = (layers, parameters, peakActivationBytes);
    }

    /// <summary>One row per node.</summary>
    public IReadOnlyList<LayerSummary> Layers { get; }

    /// <summary>Learned numbers; see <see cref="Graph.ParameterCount"/>.</summary>
    public long Parameters { get; }

    /// <summary>
    /// The largest sum of the sizes of values that are alive at once when nodes run in graph order, inputs and outputs among them,
    /// parameters not. What a runtime without in-place execution needs at least. Floats between DequantizeLinear and QuantizeLinear that
    /// only carry an operator with an integer form (Conv, Gemm, MatMul, Add, pooling, moves, each perhaps with Relu or Clip) are not made,
    /// so such a layer counts the bytes it reads and writes.
    /// </summary>
    public long PeakActivationBytes { get; }

    /// <summary>Sum over the layers.</summary>
    public Cost Cost => Layers.Aggregate(default(Cost), (sum, layer) => sum + layer.Cost);

    /// <summary>Counts a graph for one sample: unknown leading dimensions of inputs are taken as 1.</summary>
    /// <exception cref="NabiException">Another dimension is not known.</exception>
    public static GraphSummary Of(Graph graph)
    {
        graph = graph.WithBatch(1);
        if (graph.Inputs.FirstOrDefault(i => !i.Shape.IsKnown) is { } open)
            throw new NabiException($"Input '{open.Name}' of graph '{graph.Name}' has the shape {open.Shape}; give the unknown dimensions to count it.");
        if (graph.Nodes.FirstOrDefault(n => n.Outputs.Any(o => !o.Shape.IsKnown)) is { } node)
            throw new NabiException($"Node '{node.Name}' ({node.Op.Name}) has an output whose shape depends on the data; the graph cannot be counted.");
        var counted = new HashSet<Value>();
        var layers = graph.Nodes.Select(n => Row(n, counted)).ToArray();
        return new GraphSummary(layers, graph.ParameterCount, ActivationMemory.Peak(graph));
    }

    private static LayerSummary Row(Node node, HashSet<Value> counted)
    {
        long parameters = 0, bytes = 0;
        foreach (var input in node.Inputs)
        {
            if (input?.Data is null || !counted.Add(input)) continue;
            bytes += input.Type.Bytes;
            if (input.IsLearned) parameters += input.Shape.Count;
        }
        return new LayerSummary(node.Name, node.Op.Name, node.Output.Shape, parameters, bytes, node.Cost);
    }
}
