namespace Nabi.Compression.Sharing;

/// <summary>
/// K-means (Han et al. 2016, "Deep Compression", section 3.1, equation 2): the values of least squared distance to their weights, as Lloyd's iteration finds them
/// from the start given. On the line a cluster is an interval between midpoints of centroids, so that an iteration takes K searches and sums of prefixes. Like
/// Lloyd's it ends in a local minimum, which depends on the start, as section 3.2 of the paper needs it.
/// </summary>
public sealed class KMeans : Clustering
{
    private const int MostIterations = 1000;

    /// <inheritdoc/>
    public override Clusters Group(float[] sorted, float[] start)
    {
        var sums = new double[sorted.Length + 1];
        for (var i = 0; i < sorted.Length; i++) sums[i + 1] = sums[i] + sorted[i];
        var centroids = Array.ConvertAll(start, c => (double)c);
        Array.Sort(centroids);
        var ends = new int[centroids.Length];
        for (var iteration = 0; iteration < MostIterations; iteration++)
        {
            var moved = false;
            for (int k = 0, from = 0; k < ends.Length; k++)
            {
                var end = k == ends.Length - 1 ? sorted.Length : Math.Max(from, FirstAbove(sorted, (centroids[k] + centroids[k + 1]) / 2));
                moved |= end != ends[k];
                ends[k] = end;
                from = end;
            }
            if (!moved) break;
            for (int k = 0, from = 0; k < ends.Length; from = ends[k++])
                if (ends[k] > from) centroids[k] = (sums[ends[k]] - sums[from]) / (ends[k] - from);
        }
        var members = new int[sorted.Length];
        for (int k = 0, from = 0; k < ends.Length; from = ends[k++]) members.AsSpan(from, ends[k] - from).Fill(k);
        return new Clusters(Array.ConvertAll(centroids, c => (float)c), members);
    }

    private static int FirstAbove(float[] sorted, double limit)
    {
        var (low, high) = (0, sorted.Length);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (sorted[middle] <= limit) low = middle + 1;
            else high = middle;
        }
        return low;
    }
}
