using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Nabi.Compression;
using Nabi.Formats;
using Nabi.Models;
using Nabi.Training;
using Nabi.Training.Data;

namespace Nabi.Bench.Claims;

/// <summary>One run of a claim: gives data and trained networks, takes rows.</summary>
/// <param name="seeds">Seeds to repeat over.</param>
/// <param name="threads">Threads to train and measure with.</param>
internal sealed class ClaimRun(int seeds, int threads)
{
    private readonly StringBuilder _text = new();
    private readonly Dictionary<string, DataSplits> _data = new(StringComparer.Ordinal);

    /// <summary>The seeds, from 1.</summary>
    public IReadOnlyList<ulong> Seeds { get; } = [.. Enumerable.Range(1, seeds).Select(s => (ulong)s)];

    /// <summary>Threads to train and measure with.</summary>
    public int Threads => threads;

    /// <summary>What was said so far, in Markdown.</summary>
    public string Text => _text.ToString();

    /// <summary>A data set by name.</summary>
    public DataSplits Data(string name)
    {
        if (!_data.TryGetValue(name, out var splits)) _data[name] = splits = DataSets.Find(name);
        return splits;
    }

    /// <summary>What compression steps work with on a data set.</summary>
    public CompressionContext Context(string data, ulong seed, Graph? teacher = null) => new()
    {
        Training = Data(data).Train,
        Validation = Data(data).Test,
        Seed = seed,
        Threads = threads,
        Teacher = teacher,
    };

    /// <summary>
    /// A network of the zoo for a data set, trained; kept in <c>bench/out</c> (which is not checked in) so that claims on the same network share it.
    /// </summary>
    /// <param name="network">A name of the zoo.</param>
    /// <param name="data">A data set.</param>
    /// <param name="options">The training; its seed also draws the weights.</param>
    /// <param name="width">Multiplies the channels.</param>
    public Graph Trained(string network, string data, TrainingOptions options, double width = 1)
    {
        var untrained = Untrained(network, data, options.Seed, width);
        var key = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{network} {width} {data} {options} {threads}")))[..12];
        var path = Path.Combine(Repository.Root, "bench", "out", $"{network}-{data}-{options.Seed}-{key}.nabi");
        if (File.Exists(path)) return NabiFile.Read(path);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        Progress($"training {network} on {data}, seed {options.Seed}, to be kept as {path}");
        var model = new Trainer(untrained, Data(data).Train, options) { Threads = threads }.Run().Model;
        NabiFile.Write(model, path);
        return model;
    }

    /// <summary>A network of the zoo for a data set, as initialised.</summary>
    public Graph Untrained(string network, string data, ulong seed, double width = 1)
    {
        var train = Data(data).Train;
        return Zoo.Find(network).Create(new ModelOptions { Seed = seed, Width = width, Classes = train.ClassNames.Count, Input = train.SampleShape });
    }

    /// <summary>Accuracy on the test samples, 0 to 1.</summary>
    public double Accuracy(Graph model, string data) =>
        Evaluator.Evaluate(model, Data(data).Test, new EvaluationOptions { Session = new() { Threads = threads } }).Accuracy;

    /// <summary>Says what is being done; not part of the result.</summary>
    public static void Progress(string what) => Console.Error.WriteLine(what);

    /// <summary>Adds a line of Markdown to the result.</summary>
    public void Say(string line)
    {
        _text.AppendLine(line);
        Console.WriteLine(line);
    }

    /// <summary>Begins a table.</summary>
    public void Head(params string[] columns)
    {
        Say("");
        Row(columns);
        Row([.. columns.Select((_, i) => i == 0 ? "---" : "---:")]);
    }

    /// <summary>Adds a row to the table.</summary>
    public void Row(params string[] cells) => Say($"| {string.Join(" | ", cells)} |");

    /// <summary>A share in per cent.</summary>
    public static string Percent(double share) => (100 * share).ToString("F2", CultureInfo.InvariantCulture) + " %";

    /// <summary>Mean and, of several, standard deviation of shares in per cent.</summary>
    public static string Percent(IReadOnlyCollection<double> shares)
    {
        var mean = shares.Average();
        if (shares.Count == 1) return Percent(mean);
        var deviation = Math.Sqrt(shares.Sum(s => (s - mean) * (s - mean)) / (shares.Count - 1));
        return string.Create(CultureInfo.InvariantCulture, $"{100 * mean:F2} ± {100 * deviation:F2} %");
    }

    /// <summary>A ratio such as 12.3x.</summary>
    public static string Times(double ratio) => ratio.ToString("F1", CultureInfo.InvariantCulture) + "x";
}
