namespace Nabi.Compression.Pruning;

/// <summary>Masks of unstructured and N:M sparsity: for each weight a tensor of ones and zeros.</summary>
public static class SparsityMasks
{
    /// <summary>Keeps the weights of largest magnitude.</summary>
    /// <param name="graph">The graph; weights of its layers are masked, biases and normalization are not.</param>
    /// <param name="sparsity">Part of the weights that become zero, 0 to 1.</param>
    /// <param name="isGlobal">Rank all layers' weights together, rather than each layer's by themselves?</param>
    /// <returns>Masks by parameter name.</returns>
    public static IReadOnlyDictionary<string, Tensor> Magnitude(Graph graph, double sparsity, bool isGlobal)
    {
        var weights = Weights(graph);
        var common = isGlobal ? Threshold([.. weights.SelectMany(w => w.Data!.ToSingle())], sparsity) : 0;
        var masks = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        foreach (var weight in weights)
        {
            var threshold = isGlobal ? common : Threshold(weight.Data!.ToSingle(), sparsity);
            masks[weight.Name] = Mask(weight, w => Math.Abs(w) > threshold);
        }
        return masks;
    }

    /// <summary>Keeps the <paramref name="n"/> largest of every <paramref name="m"/> weights that are summed over together (Mishra et al.
    /// 2021).</summary>
    /// <returns>Masks by parameter name; layers whose input channels are not a multiple of <paramref name="m"/> have none.</returns>
    public static IReadOnlyDictionary<string, Tensor> NToM(Graph graph, int n, int m)
    {
        if (n < 1 || m <= n) throw new NabiException($"A {n}:{m} sparsity is not possible; use for example 2:4.");
        var masks = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        foreach (var (_, weight, axes) in WeightAxes.Layers(graph))
        {
            if (!weight.IsTrainable || weight.Shape[axes.InputAxis] % m != 0) continue;
            var mask = Tensor.Full(weight.Shape, 1f);
            var (data, ones) = (weight.Data!.ToSingle(), mask.Span<float>().ToArray());
            var stride = weight.Shape.Strides()[axes.InputAxis];
            var order = new int[m];
            for (var i = 0; i < data.Length; i++)
            {
                if (i / stride % weight.Shape[axes.InputAxis] % m != 0) continue;
                for (var k = 0; k < m; k++) order[k] = i + k * stride;
                Array.Sort(order, (a, b) => Math.Abs(data[a]) == Math.Abs(data[b]) ? a.CompareTo(b)
                    : Math.Abs(data[b]).CompareTo(Math.Abs(data[a])));
                for (var k = n; k < m; k++) ones[order[k]] = 0;
            }
            masks[weight.Name] = Tensor.Of<float>(weight.Shape, ones);
        }
        return masks;
    }

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

    // The magnitude at or below which this part of the values lies; below all of them when the part is nothing.
    private static float Threshold(float[] values, double sparsity)
    {
        var count = (int)Math.Round(sparsity * values.Length);
        if (count == 0) return -1;
        for (var i = 0; i < values.Length; i++) values[i] = Math.Abs(values[i]);
        Array.Sort(values);
        return values[count - 1];
    }
}
