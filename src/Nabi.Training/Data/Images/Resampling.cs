namespace Nabi.Training.Data.Images;

/// <summary>Images in another size: every target pixel is the mean of the area it covers (shrinking) or bilinear (growing), per axis.</summary>
internal static class Resampling
{
    /// <summary>For every target pixel of one axis the source pixels it is made of: a triangle filter as wide as one target pixel (shrinking) or one source pixel (growing), normalized.</summary>
    public static (int From, float Weight)[][] Weights(int from, int to)
    {
        var scale = (double)from / to;
        var radius = Math.Max(1, scale);
        var weights = new (int, float)[to][];
        for (var i = 0; i < to; i++)
        {
            var center = (i + 0.5) * scale - 0.5;
            var (first, last) = ((int)Math.Ceiling(center - radius), (int)Math.Floor(center + radius));
            var sum = 0.0;
            for (var j = first; j <= last; j++) sum += Math.Max(0, 1 - Math.Abs(j - center) / radius);
            weights[i] = [.. Enumerable.Range(first, last - first + 1)
                .Select(j => (Math.Clamp(j, 0, from - 1), (float)(Math.Max(0, 1 - Math.Abs(j - center) / radius) / sum)))];
        }
        return weights;
    }

    /// <summary>Resamples one plane of rows.</summary>
    /// <param name="plane">The source, [rows before, columns before].</param>
    /// <param name="rows">The weights of the rows.</param>
    /// <param name="columns">The weights of the columns.</param>
    /// <param name="before">Columns of the source.</param>
    /// <param name="middle">Room for [rows before, columns after].</param>
    /// <param name="to">The target, [rows after, columns after].</param>
    public static void Plane(ReadOnlySpan<float> plane, (int From, float Weight)[][] rows, (int From, float Weight)[][] columns, int before, Span<float> middle, Span<float> to)
    {
        var width = columns.Length;
        for (var y = 0; y < plane.Length / before; y++)
        {
            for (var x = 0; x < width; x++)
            {
                var sum = 0f;
                foreach (var (from, weight) in columns[x]) sum += weight * plane[y * before + from];
                middle[y * width + x] = sum;
            }
        }
        to.Clear();
        for (var y = 0; y < rows.Length; y++)
            foreach (var (from, weight) in rows[y])
                for (var x = 0; x < width; x++) to[y * width + x] += weight * middle[from * width + x];
    }
}
