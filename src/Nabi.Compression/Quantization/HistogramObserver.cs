namespace Nabi.Compression.Quantization;

/// <summary>An observer that decides from a streaming <see cref="Quantization.Histogram"/>.</summary>
public abstract class HistogramObserver : Observer
{
    /// <summary>How finely clipping ranges are tried: this many fractions of the full range.</summary>
    private const int Candidates = 80;

    /// <summary>What was seen.</summary>
    public Histogram Histogram { get; } = new();

    /// <inheritdoc/>
    public sealed override void Observe(ReadOnlySpan<float> values)
    {
        var (min, max) = Extent(values);
        Histogram.Add(values, min, max);
    }

    /// <summary>The clipped range with the smallest cost, among the full range and equal fractions of it.</summary>
    /// <param name="cost">Cost of quantizing within a range.</param>
    protected QuantizationRange Cheapest(Func<QuantizationRange, double> cost)
    {
        var best = new QuantizationRange(Histogram.Min, Histogram.Max);
        var least = cost(best);
        for (var i = Candidates - 1; i > 0; i--)
        {
            var part = (float)i / Candidates;
            var range = new QuantizationRange(Histogram.Min * part, Histogram.Max * part);
            if (cost(range) is var c && c < least) (best, least) = (range, c);
        }
        return best;
    }
}
