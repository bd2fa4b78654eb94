using System.Globalization;

namespace Nabi.Training.Data;

/// <summary>
/// What is done to samples before a model sees them: (value - mean) / std per channel, where bytes first become value / 255.
/// It travels in the model's metadata, so that whoever runs the model prepares samples as the training did.
/// </summary>
/// <param name="Mean">Mean per channel, in units of the samples (bytes: 0 to 1).</param>
/// <param name="Std">Divisor per channel.</param>
public sealed record Normalization(ValueArray<double> Mean, ValueArray<double> Std)
{
    /// <summary>Number of channels.</summary>
    public int Channels => Mean.Count;

    /// <summary>Samples as they are: bytes as 0 to 1.</summary>
    public static Normalization None(int channels) => Uniform(channels, 0, 1);

    /// <summary>Bytes as 0 to 255.</summary>
    public static Normalization RawBytes(int channels) => Uniform(channels, 0, 1.0 / 255);

    /// <summary>The same mean and divisor for every channel.</summary>
    public static Normalization Uniform(int channels, double mean, double std) =>
        new(Enumerable.Repeat(mean, channels).ToArray(), Enumerable.Repeat(std, channels).ToArray());

    /// <summary>Mean and standard deviation of every channel over all samples; a constant channel is only shifted.</summary>
    public static Normalization Of(DataSet data)
    {
        var (channels, plane) = (data.Channels, data.SampleSize / data.Channels);
        var (sum, squares) = (new double[channels], new double[channels]);
        for (var i = 0; i < data.Count; i++)
        {
            for (var c = 0; c < channels; c++)
            {
                if (data.IsBytes)
                {
                    long s = 0, q = 0;
                    foreach (var value in data.Bytes(i).Slice(c * plane, plane)) (s, q) = (s + value, q + value * value);
                    (sum[c], squares[c]) = (sum[c] + s / 255.0, squares[c] + q / (255.0 * 255.0));
                }
                else
                {
                    foreach (double value in data.Floats(i).Slice(c * plane, plane)) (sum[c], squares[c]) = (sum[c] + value, squares[c] + value * value);
                }
            }
        }
        var count = (double)data.Count * plane;
        for (var c = 0; c < channels; c++)
        {
            sum[c] /= count;
            var std = Math.Sqrt(Math.Max(0, squares[c] / count - sum[c] * sum[c]));
            squares[c] = std > 1e-6 ? std : 1;
        }
        return new Normalization(sum, squares);
    }

    /// <summary>What a model's metadata says, or null when it says nothing.</summary>
    /// <exception cref="NabiException">The metadata cannot be understood.</exception>
    public static Normalization? From(Graph graph)
    {
        var mean = graph.Metadata.GetValueOrDefault(MetadataKeys.Mean);
        var std = graph.Metadata.GetValueOrDefault(MetadataKeys.Std);
        if (mean is null && std is null) return null;
        var means = mean is null ? null : Numbers(graph, MetadataKeys.Mean, mean);
        var stds = std is null ? null : Numbers(graph, MetadataKeys.Std, std);
        means ??= new double[stds!.Length];
        stds ??= Enumerable.Repeat(1.0, means.Length).ToArray();
        if (means.Length != stds.Length || Array.Exists(stds, s => s == 0))
            throw new NabiException($"Model '{graph.Name}' has {means.Length} means and {stds.Length} divisors in its metadata; there must be one of each per channel, no divisor 0.");
        return new Normalization(means, stds);
    }

    /// <summary>Adds what a model must know of its inputs and outputs: normalization, class names, data set.</summary>
    public IReadOnlyDictionary<string, string> Describe(IReadOnlyDictionary<string, string> metadata, DataSet data) =>
        new Dictionary<string, string>(metadata, StringComparer.Ordinal)
        {
            [MetadataKeys.Mean] = Text(Mean),
            [MetadataKeys.Std] = Text(Std),
            [MetadataKeys.Labels] = string.Join('\n', data.ClassNames),
            [MetadataKeys.DataSet] = data.Name,
        };

    /// <summary>Does another prepare samples in the same way, up to rounding?</summary>
    internal bool Agrees(Normalization other)
    {
        for (var c = 0; c < Channels && c < other.Channels; c++)
            if (Math.Abs(Mean[c] - other.Mean[c]) > 1e-6 || Math.Abs(Std[c] - other.Std[c]) > 1e-6) return false;
        return Channels == other.Channels;
    }

    /// <summary>For every channel the 256 values that bytes become; index channel * 256 + byte.</summary>
    internal float[] Table()
    {
        var table = new float[Channels * 256];
        for (var i = 0; i < table.Length; i++) table[i] = (float)((i % 256 / 255.0 - Mean[i / 256]) / Std[i / 256]);
        return table;
    }

    private static string Text(ValueArray<double> numbers) => string.Join(',', numbers.Select(n => n.ToString("R", CultureInfo.InvariantCulture)));

    private static double[] Numbers(Graph graph, string key, string text)
    {
        var parts = text.Split(',', StringSplitOptions.TrimEntries);
        var numbers = new double[parts.Length];
        for (var i = 0; i < parts.Length; i++)
        {
            if (!double.TryParse(parts[i], NumberStyles.Float, CultureInfo.InvariantCulture, out numbers[i]) || !double.IsFinite(numbers[i]))
                throw new NabiException($"Model '{graph.Name}' has metadata {key} = '{text}', which is not a list of numbers separated by commas.");
        }
        return numbers;
    }
}
