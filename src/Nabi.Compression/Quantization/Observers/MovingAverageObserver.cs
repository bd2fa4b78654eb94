namespace Nabi.Compression.Quantization.Observers;

/// <summary>An exponential moving average of each batch's extremes (Jacob et al. 2018, section 3.1): single outliers fade.</summary>
public sealed class MovingAverageObserver : Observer
{
    private float _min, _max;
    private bool _isStarted;

    /// <summary>Weight of what was seen before, 0 to 1. Default 0.9.</summary>
    public float Momentum { get; init; } = 0.9f;

    /// <inheritdoc/>
    public override QuantizationRange Range => new(_min, _max);

    /// <inheritdoc/>
    public override void Observe(ReadOnlySpan<float> values)
    {
        var (min, max) = Extent(values);
        if (!_isStarted) (_min, _max, _isStarted) = (min, max, true);
        else (_min, _max) = (Momentum * _min + (1 - Momentum) * min, Momentum * _max + (1 - Momentum) * max);
    }
}
