using Nabi.Ops;

namespace Nabi.Compression.Sharing;

/// <summary>A tensor said with few values.</summary>
/// <param name="Indices">UInt8, of the tensor's shape.</param>
/// <param name="Centroids">The values [K].</param>
/// <param name="HasZero">Does index 0 stand for zero?</param>
internal sealed record SharedTensor(Tensor Indices, Tensor Centroids, bool HasZero)
{
    /// <summary>Groups the numbers that are not zero; zeros, if there are any, take index 0.</summary>
    /// <param name="weights">Floats.</param>
    /// <param name="values">Most values, zero among them; 2 to 256.</param>
    /// <param name="method">Groups them.</param>
    /// <param name="start">Where it starts.</param>
    /// <param name="rng">The source of chance.</param>
    /// <exception cref="NabiException">A number is not finite.</exception>
    public static SharedTensor Of(Tensor weights, int values, Clustering method, CentroidStart start, Rng rng)
    {
        var numbers = weights.ToSingle();
        if (!Array.TrueForAll(numbers, float.IsFinite)) throw new NabiException("a weight is not finite; only finite weights can share values");
        var order = Enumerable.Range(0, numbers.Length).Where(i => numbers[i] != 0).ToArray();
        var sorted = Array.ConvertAll(order, i => numbers[i]);
        Array.Sort(sorted, order);
        var indices = Tensor.Zeros(DType.UInt8, weights.Shape);
        var hasZero = sorted.Length < numbers.Length;
        if (sorted.Length == 0) return new SharedTensor(indices, Tensor.Vector(0f), false);
        var clusters = (Exact(sorted, values - (hasZero ? 1 : 0)) ?? method.Group(sorted, start.Choose(sorted, values - (hasZero ? 1 : 0), rng))).WithoutEmpty();
        var into = indices.Span<byte>();
        for (var i = 0; i < order.Length; i++) into[order[i]] = (byte)(clusters.Members[i] + (hasZero ? 1 : 0));
        return new SharedTensor(indices, Tensor.Vector<float>(clusters.Centroids), hasZero);
    }

    /// <summary>The value of these indices and centroids; the centroids go on learning.</summary>
    public Value Build(GraphBuilder b, string name) => b.ApplyNamed(new Codebook { HasZero = HasZero }, $"{name}.shared", 1,
        [b.Constant(Indices, $"{name}.indices"), b.Parameter($"{name}.centroids", Centroids)])[0];

    // No more values than are allowed: each is its own centroid.
    private static Clusters? Exact(float[] sorted, int count)
    {
        var (centroids, members) = (new List<float>(), new int[sorted.Length]);
        for (var i = 0; i < sorted.Length; i++)
        {
            if (i == 0 || sorted[i] != sorted[i - 1])
            {
                if (centroids.Count == count) return null;
                centroids.Add(sorted[i]);
            }
            members[i] = centroids.Count - 1;
        }
        return new Clusters([.. centroids], members);
    }
}
