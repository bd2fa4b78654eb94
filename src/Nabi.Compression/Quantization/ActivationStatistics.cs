using System.Globalization;
using Nabi.Ops;

namespace Nabi.Compression.Quantization;

/// <summary>
/// Mean and standard deviation of each channel of activations, known without data: the output of a batch normalization with scale gamma and shift beta
/// has mean beta and deviation |gamma| (Nagel et al. 2019, Data-Free Quantization, section 4.2.1), and what follows has those of a normal distribution
/// that is clipped, added or moved. Once normalization is folded, the graph's metadata keep what was known.
/// </summary>
internal sealed class ActivationStatistics
{
    private const string Key = MetadataKeys.Activations;

    private readonly Dictionary<string, (double[] Mean, double[] Deviation)> _known = new(StringComparer.Ordinal);

    /// <summary>The statistics that the batch normalizations and the metadata of a graph tell.</summary>
    public static ActivationStatistics Of(Graph graph)
    {
        var statistics = new ActivationStatistics();
        foreach (var (key, text) in graph.Metadata)
            if (key.StartsWith(Key, StringComparison.Ordinal) && text.Split(';') is [var means, var deviations])
                statistics._known[key[Key.Length..]] = (Numbers(means), Numbers(deviations));
        foreach (var node in graph.Nodes)
            if (node is { Op: BatchNormalization { TrainingMode: false }, Inputs: [_, { Data: { } scale }, { Data: { } shift }, ..] })
                statistics._known[node.Output.Name] = (Array.ConvertAll(shift.ToSingle(), v => (double)v), Array.ConvertAll(scale.ToSingle(), v => (double)Math.Abs(v)));
        return statistics;
    }

    /// <summary>Mean and deviation of each channel of a value, or null when they are not known.</summary>
    public (double[] Mean, double[] Deviation)? this[string value] => _known.TryGetValue(value, out var known) ? known : null;

    /// <summary>Says that each channel of a value was scaled, then shifted.</summary>
    public void Change(string value, Func<int, double> factor, Func<int, double> shift)
    {
        if (!_known.TryGetValue(value, out var known)) return;
        _known[value] = ([.. known.Mean.Select((m, c) => m * factor(c) + shift(c))], [.. known.Deviation.Select((d, c) => d * Math.Abs(factor(c)))]);
    }

    /// <summary>The graph with these statistics among its metadata.</summary>
    public Graph On(Graph graph) => graph.WithMetadata(Without(graph).Metadata.SetItems(_known.Select(k =>
        KeyValuePair.Create(Key + k.Key, $"{Text(k.Value.Mean)};{Text(k.Value.Deviation)}"))));

    /// <summary>The graph without statistics among its metadata.</summary>
    public static Graph Without(Graph graph) => graph.Metadata.Keys.Any(k => k.StartsWith(Key, StringComparison.Ordinal))
        ? graph.WithMetadata(graph.Metadata.RemoveRange(graph.Metadata.Keys.Where(k => k.StartsWith(Key, StringComparison.Ordinal)))) : graph;

    /// <summary>What follows for other values of the graph, in which normalization may have been folded.</summary>
    public ActivationStatistics Through(Graph graph)
    {
        var through = new ActivationStatistics();
        foreach (var (value, known) in _known) through._known[value] = known;
        foreach (var node in graph.Nodes)
            if (node.Outputs.Count > 0 && !through._known.ContainsKey(node.Output.Name) && through.After(node) is { } known) through._known[node.Output.Name] = known;
        return through;
    }

    /// <summary>
    /// Mean and deviation of a normal variable that is clipped to [<paramref name="low"/>, <paramref name="high"/>] (appendix C): with
    /// a and b the limits in deviations from the mean, E = s (phi(a) - phi(b)) + m (Phi(b) - Phi(a)) + low Phi(a) + high (1 - Phi(b)).
    /// </summary>
    internal static (double Mean, double Deviation) Clipped(double mean, double deviation, double low, double high)
    {
        if (deviation < 1e-12) return (Math.Clamp(mean, low, high), 0);
        var (a, b) = ((low - mean) / deviation, (high - mean) / deviation);
        var (below, above) = (Normal(a), 1 - Normal(b));
        var (atLow, atHigh) = (Density(a), Density(b));
        var inside = 1 - below - above;
        var (bound, top) = (double.IsFinite(low) ? low : 0, double.IsFinite(high) ? high : 0);
        var first = deviation * (atLow - atHigh) + mean * inside + bound * below + top * above;
        var second = (mean * mean + deviation * deviation) * inside + 2 * mean * deviation * (atLow - atHigh)
            + deviation * deviation * ((double.IsFinite(a) ? a * atLow : 0) - (double.IsFinite(b) ? b * atHigh : 0)) + bound * bound * below + top * top * above;
        return (first, Math.Sqrt(Math.Max(0, second - first * first)));
    }

    // Sums take their terms as independent; the mean of a pool has the mean of its elements, and at most their deviation.
    private (double[] Mean, double[] Deviation)? After(Node node)
    {
        var inputs = node.Inputs.Select(v => v is null ? null : this[v.Name]).ToArray();
        if (inputs.Length == 0 || inputs[0] is not { } x) return null;
        switch (node.Op)
        {
            case Relu:
                return Each(x, (m, d) => Clipped(m, d, 0, double.PositiveInfinity));
            case Clip when node.Inputs.Skip(1).All(v => v is null or { Data.Count: 1 }):
                double Limit(int i, double none) => node.Inputs.Count > i && node.Inputs[i]?.Data is { } limit ? limit.Item() : none;
                return Each(x, (m, d) => Clipped(m, d, Limit(1, double.NegativeInfinity), Limit(2, double.PositiveInfinity)));
            case Add when inputs is [_, { } y] && y.Mean.Length == x.Mean.Length:
                return ([.. x.Mean.Zip(y.Mean, (a, b) => a + b)], [.. x.Deviation.Zip(y.Deviation, (a, b) => Math.Sqrt(a * a + b * b))]);
            case Concat { Axis: 1 } when inputs.All(i => i is not null):
                return ([.. inputs.SelectMany(i => i!.Value.Mean)], [.. inputs.SelectMany(i => i!.Value.Deviation)]);
            case GlobalAveragePool or AveragePool or Identity or Dropout or Pad { Mode: not "constant" }:
                return x;
            case Flatten or Reshape when node.Output.Shape is { Rank: 2 } shape && shape[1] > 0 && shape[1] % x.Mean.Length == 0:
                var each = shape[1] / x.Mean.Length;
                return ([.. Enumerable.Range(0, shape[1]).Select(i => x.Mean[i / each])], [.. Enumerable.Range(0, shape[1]).Select(i => x.Deviation[i / each])]);
            default:
                return null;
        }
    }

    private static (double[] Mean, double[] Deviation) Each((double[] Mean, double[] Deviation) x, Func<double, double, (double Mean, double Deviation)> change)
    {
        var changed = x.Mean.Zip(x.Deviation, change).ToArray();
        return (Array.ConvertAll(changed, c => c.Mean), Array.ConvertAll(changed, c => c.Deviation));
    }

    private static double Density(double x) => double.IsFinite(x) ? Math.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI) : 0;

    // Abramowitz and Stegun 7.1.26: at most 1.5e-7 off.
    private static double Normal(double x)
    {
        if (double.IsInfinity(x)) return x > 0 ? 1 : 0;
        var z = Math.Abs(x) / Math.Sqrt(2);
        var t = 1 / (1 + 0.3275911 * z);
        var tail = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))) * Math.Exp(-z * z) / 2;
        return x >= 0 ? 1 - tail : tail;
    }

    private static string Text(double[] numbers) => string.Join(',', numbers.Select(n => n.ToString("G9", CultureInfo.InvariantCulture)));

    // Metadata come from files: what is no number is not known.
    private static double[] Numbers(string text) =>
        [.. text.Split(',').Select(n => double.TryParse(n, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? number : 0)];
}
