namespace Nabi.Compression.Quantization.Observers;

/// <summary>
/// The range whose quantized distribution diverges least from the seen one, in the sense of Kullback and Leibler
/// (Migacz 2017, 8-bit Inference with TensorRT): values outside count at the edge, each level spreads evenly over its bins.
/// </summary>
public sealed class KlObserver : HistogramObserver
{
    /// <inheritdoc/>
    public override QuantizationRange Range => Cheapest(Divergence);

    private double Divergence(QuantizationRange range)
    {
        var counts = Histogram.Counts.ToArray();
        var (scale, zeroPoint) = Format.Cover(range);
        if (Histogram.Width == 0) return 0;
        var levels = Format.Max - Format.Min + 1;
        var (first, last) = (Bin(range.Min), Bin(range.Max));
        // The reference: clipped values are moved to the edges.
        var reference = new double[last - first + 1];
        for (var i = 0; i < counts.Length; i++) reference[Math.Clamp(i, first, last) - first] += counts[i];
        // The candidate: what lies inside, gathered by level, then spread over the level's bins that are not empty.
        var (mass, bins) = (new double[levels], new int[levels]);
        for (var i = first; i <= last; i++)
        {
            if (reference[i - first] == 0) continue;
            var level = Level(i);
            mass[level] += counts[i];
            bins[level]++;
        }
        var (total, inside) = ((double)Histogram.Total, 0.0);
        foreach (var m in mass) inside += m;
        var divergence = 0.0;
        for (var i = first; i <= last; i++)
        {
            var p = reference[i - first] / total;
            if (p == 0) continue;
            var q = inside == 0 ? 0 : mass[Level(i)] / bins[Level(i)] / inside;
            divergence += p * Math.Log(p / Math.Max(q, 1e-12));
        }
        return divergence;

        int Bin(float value) => Math.Clamp((int)Math.Floor(value / Histogram.Width) + Histogram.Half, 0, counts.Length - 1);

        int Level(int bin) => (int)Math.Clamp(Math.Round(Histogram.Center(bin) / scale) + zeroPoint - Format.Min, 0, levels - 1);
    }
}
