namespace Nabi.Compression.Quantization;

/// <summary>
/// A streaming histogram of fixed memory: bins of equal width on both sides of zero. When a value falls outside, the width
/// doubles and neighbours merge, so no sample is kept and none is lost.
/// </summary>
public sealed class Histogram
{
    /// <summary>Bins on each side of zero.</summary>
    public const int Half = 2048;

    private readonly long[] _counts = new long[2 * Half];

    /// <summary>Width of a bin; 0 until something other than zero was seen.</summary>
    public double Width { get; private set; }

    /// <summary>Number of values seen.</summary>
    public long Total { get; private set; }

    /// <summary>Smallest value seen, at most 0.</summary>
    public float Min { get; private set; }

    /// <summary>Largest value seen, at least 0.</summary>
    public float Max { get; private set; }

    /// <summary>Bin i counts values in [(i - Half) Width, (i + 1 - Half) Width).</summary>
    public ReadOnlySpan<long> Counts => _counts;

    /// <summary>The middle of a bin.</summary>
    public double Center(int bin) => (bin + 0.5 - Half) * Width;

    /// <summary>Counts values that lie within [<paramref name="min"/>, <paramref name="max"/>].</summary>
    public void Add(ReadOnlySpan<float> values, float min, float max)
    {
        (Min, Max) = (Math.Min(Min, min), Math.Max(Max, max));
        Total += values.Length;
        var reach = Math.Max(-(double)min, max);
        if (reach <= 0 && Width == 0)
        {
            _counts[Half] += values.Length;
            return;
        }
        if (Width == 0) Width = Math.Max(double.Epsilon * Half, reach * 2 / Half);
        while (reach >= Width * Half) Widen();
        var scale = 1 / Width;
        foreach (var v in values) _counts[(int)Math.Floor(v * scale) + Half]++;
    }

    /// <summary>The value below which this part of all values lies, interpolated within its bin.</summary>
    public double Quantile(double part)
    {
        var wanted = part * Total;
        for (var (i, seen) = (0, 0L); i < _counts.Length; seen += _counts[i], i++)
            if (_counts[i] > 0 && seen + _counts[i] >= wanted)
                return Math.Clamp((i - Half + Math.Max(0, wanted - seen) / _counts[i]) * Width, Min, Max);
        return Max;
    }

    // Bin i of width w lies in bin floor((i - Half) / 2) + Half of width 2 w.
    private void Widen()
    {
        Width *= 2;
        for (var i = 0; i < Half / 2; i++)
        {
            _counts[Half + i] = _counts[Half + 2 * i] + _counts[Half + 2 * i + 1];
            _counts[Half - 1 - i] = _counts[Half - 1 - 2 * i] + _counts[Half - 2 - 2 * i];
        }
        Array.Clear(_counts, 0, Half / 2);
        Array.Clear(_counts, Half + Half / 2, Half / 2);
    }
}
