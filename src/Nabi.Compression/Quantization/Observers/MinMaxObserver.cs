namespace Nabi.Compression.Quantization.Observers;

/// <summary>The extremes of everything seen.</summary>
public sealed class MinMaxObserver : Observer
{
    private float _min, _max;

    /// <inheritdoc/>
    public override QuantizationRange Range => new(_min, _max);

    /// <inheritdoc/>
    public override void Observe(ReadOnlySpan<float> values)
    {
        var (min, max) = Extent(values);
        (_min, _max) = (Math.Min(_min, min), Math.Max(_max, max));
    }
}
