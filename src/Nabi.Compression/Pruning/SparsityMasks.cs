namespace Nabi.Compression.Pruning;

/// <summary>Masks of pruned weights: for each weight a tensor of ones and zeros.</summary>
public static class SparsityMasks
{
    /// <summary>
    /// The masks a graph already obeys: those of layers whose weights are at least 10 % exact zeros. Training with them keeps a sparse
    /// graph sparse.
    /// </summary>
    public static IReadOnlyDictionary<string, Tensor> Present(Graph graph)
    {
        var masks = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        foreach (var weight in Weights(graph))
        {
            var zeros = 0;
            foreach (var w in weight.Data!.ToSingle())
                if (w == 0) zeros++;
            if (zeros * 10L >= weight.Shape.Count) masks[weight.Name] = Mask(weight, w => w != 0);
        }
        return masks;
    }

    /// <summary>The graph with masked weights set to zero.</summary>
    public static Graph Apply(Graph graph, IReadOnlyDictionary<string, Tensor> masks)
    {
        var tensors = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        foreach (var (name, mask) in masks)
        {
            var tensor = graph.Parameter(name)!.Data!.Copy();
            Span<float> values = tensor.Span<float>(), ones = mask.Span<float>();
            for (var i = 0; i < values.Length; i++)
                if (ones[i] == 0) values[i] = 0;
            tensors[name] = tensor;
        }
        return graph.WithParameters(tensors);
    }

    /// <summary>Part of the layers' weights that are exactly zero.</summary>
    public static double SparsityOf(Graph graph)
    {
        long zeros = 0, total = 0;
        foreach (var weight in Weights(graph))
        {
            foreach (var w in weight.Data!.ToSingle())
                if (w == 0) zeros++;
            total += weight.Shape.Count;
        }
        return total == 0 ? 0 : (double)zeros / total;
    }

    private static List<Value> Weights(Graph graph) =>
        [.. WeightAxes.Layers(graph).Select(l => l.Weight).Where(w => w is { IsTrainable: true, DType: DType.Float32 })];

    private static Tensor Mask(Value weight, Func<float, bool> keeps) =>
        Tensor.Of<float>(weight.Shape, Array.ConvertAll(weight.Data!.ToSingle(), w => keeps(w) ? 1f : 0f));
}
