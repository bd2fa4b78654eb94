namespace Nabi.Compression.Quantization;

/// <summary>
/// Watches the values of one activation during calibration and chooses the range to quantize. Memory does not grow with what it
/// sees. An observer is a sealed class with a parameterless constructor in one file; recipes find it by its name without "Observer".
/// </summary>
public abstract class Observer
{
    /// <summary>Takes in one batch of values.</summary>
    /// <exception cref="NabiException">A value is not finite.</exception>
    public abstract void Observe(ReadOnlySpan<float> values);

    /// <summary>The range it recommends.</summary>
    public abstract QuantizationRange Range { get; }

    /// <summary>The integers that the range will be rounded to; some observers choose it for them. Default 8 bits with a zero point.</summary>
    public IntegerFormat Format { get; private set; } = IntegerFormat.Int8;

    /// <summary>A new observer by name: <c>min-max</c>, <c>moving-average</c>, <c>percentile</c>, <c>mse</c>, <c>kl</c>.</summary>
    /// <param name="name">The name.</param>
    /// <param name="format">The integers to choose the range for; 8 bits with a zero point when null.</param>
    /// <exception cref="NabiException">There is none of that name.</exception>
    public static Observer Create(string name, IntegerFormat? format = null)
    {
        if (!Named<Observer>.Names.Contains(name + Suffix)) throw new NabiException($"There is no observer '{name}'; there are {string.Join(", ", Names)}.");
        var observer = Named<Observer>.Create(name + Suffix, "observer");
        observer.Format = format ?? IntegerFormat.Int8;
        return observer;
    }

    /// <summary>The names of all observers.</summary>
    public static IEnumerable<string> Names => Named<Observer>.Names.Select(n => n[..^Suffix.Length]);

    private const string Suffix = "-observer";

    /// <summary>The smallest and largest value.</summary>
    /// <exception cref="NabiException">A value is not finite.</exception>
    protected static (float Min, float Max) Extent(ReadOnlySpan<float> values)
    {
        var (min, max) = (float.PositiveInfinity, float.NegativeInfinity);
        foreach (var v in values)
        {
            if (!float.IsFinite(v)) throw new NabiException("it is NaN or infinite on some calibration samples; check the weights and the input normalization");
            if (v < min) min = v;
            if (v > max) max = v;
        }
        return values.IsEmpty ? (0, 0) : (min, max);
    }
}
