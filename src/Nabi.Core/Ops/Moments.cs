namespace Nabi.Ops;

/// <summary>Means and biased variances of groups of elements, for the reference evaluation of the normalizations.</summary>
internal static class Moments
{
    /// <summary>Of each channel of [N, C, ...].</summary>
    public static (double[] Mean, double[] Variance) PerChannel(Tensor values)
    {
        var kept = new int[values.Shape.Rank];
        Array.Fill(kept, 1);
        kept[1] = values.Shape[1];
        return PerGroup(values, Groups(values.Shape, Shape.Create(kept)), values.Shape[1]);
    }

    /// <summary>For every element the group it belongs to: its place in <paramref name="kept"/>, which has size 1 on the axes that are reduced.</summary>
    public static int[] Groups(Shape shape, Shape kept) => Elementwise.BroadcastOffsets(kept, shape);

    /// <summary>Of each group; two passes over the elements.</summary>
    public static (double[] Mean, double[] Variance) PerGroup(Tensor values, int[] group, int groups)
    {
        var x = values.Span<double>();
        var (mean, variance, count) = (new double[groups], new double[groups], new int[groups]);
        for (var i = 0; i < x.Length; i++)
        {
            mean[group[i]] += x[i];
            count[group[i]]++;
        }
        for (var j = 0; j < groups; j++) mean[j] /= Math.Max(1, count[j]);
        for (var i = 0; i < x.Length; i++)
        {
            var d = x[i] - mean[group[i]];
            variance[group[i]] += d * d;
        }
        for (var j = 0; j < groups; j++) variance[j] /= Math.Max(1, count[j]);
        return (mean, variance);
    }
}
