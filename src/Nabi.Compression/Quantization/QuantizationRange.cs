namespace Nabi.Compression.Quantization;

/// <summary>The interval of values that quantization covers; it always includes zero, so that zero is exact.</summary>
public readonly record struct QuantizationRange
{
    /// <summary>An interval, widened to include zero.</summary>
    /// <exception cref="NabiException">A bound is not a finite number.</exception>
    public QuantizationRange(float min, float max)
    {
        if (!float.IsFinite(min) || !float.IsFinite(max)) throw new NabiException($"A range of {min} to {max} cannot be quantized; the model or the data hold NaN or infinity.");
        (Min, Max) = (Math.Min(0, min), Math.Max(0, max));
    }

    /// <summary>Lower bound, at most 0.</summary>
    public float Min { get; }

    /// <summary>Upper bound, at least 0.</summary>
    public float Max { get; }
}
