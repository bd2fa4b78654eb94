namespace Nabi.Compression.Quantization.Observers;

/// <summary>Cuts off the same small part of the values at both ends (Wu et al. 2020, Integer Quantization, section 4).</summary>
public sealed class PercentileObserver : HistogramObserver
{
    /// <summary>Percentage of values at or below the upper bound. Default 99.99.</summary>
    public double Percentile { get; init; } = 99.99;

    /// <inheritdoc/>
    public override QuantizationRange Range =>
        new((float)Histogram.Quantile(1 - Percentile / 100), (float)Histogram.Quantile(Percentile / 100));
}
