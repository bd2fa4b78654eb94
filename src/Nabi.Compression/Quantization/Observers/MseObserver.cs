namespace Nabi.Compression.Quantization.Observers;

/// <summary>The range with the least mean squared error of rounding and clipping together (Nagel et al. 2021, White Paper on Neural
/// Network Quantization, equation 16).</summary>
public sealed class MseObserver : HistogramObserver
{
    /// <inheritdoc/>
    public override QuantizationRange Range => Cheapest(SquaredError);

    private double SquaredError(QuantizationRange range)
    {
        var (scale, zeroPoint) = Format.Cover(range);
        var error = 0.0;
        for (var i = 0; i < Histogram.Counts.Length; i++)
        {
            if (Histogram.Counts[i] == 0) continue;
            var x = Histogram.Center(i);
            var q = Math.Clamp(Math.Round(x / scale) + zeroPoint, Format.Min, Format.Max);
            var difference = x - scale * (q - zeroPoint);
            error += Histogram.Counts[i] * difference * difference;
        }
        return error;
    }
}
