using System.CommandLine;
using System.Globalization;
using Nabi.Compression;
using Nabi.Compression.Recipes;
using Nabi.Compression.Search;
using Nabi.Formats;
using Nabi.Training.Data;

namespace Nabi.Cli.Commands;

/// <summary><c>nabi compress</c>: a recipe, or a search within a budget.</summary>
internal sealed class CompressCommand : NabiCommand
{
    private readonly Argument<string> _model = new("model") { Description = "The model file, in floats." };
    private readonly Option<string> _data = DataArguments.Option();
    private readonly Option<string?> _recipe = new("--recipe") { Description = $"Run one recipe instead of searching: {string.Join(", ", RecipeFile.Shipped)}, or a YAML file." };
    private readonly Option<string> _maxDrop = new("--max-drop") { Description = "The largest loss of accuracy in points: 1% or 1.", DefaultValueFactory = _ => "1%" };
    private readonly Option<string> _time = new("--time") { Description = "Time for the search: 90s, 10m, 1h.", DefaultValueFactory = _ => "10m" };
    private readonly Option<string?> _target = new("--target") { Description = "Limits that must hold, separated by commas: bytes=50k, macs=2M, latency=1ms." };
    private readonly Option<int?> _limit = new Option<int?>("--limit") { Description = "Use only the first samples of the training set." }.Within(1, int.MaxValue);
    private readonly Option<bool> _noTraining = new("--no-training") { Description = "Do not fine-tune; calibrate only." };
    private readonly Option<ulong> _seed = new("--seed") { Description = "Seed of all chance.", DefaultValueFactory = _ => 0 };
    private readonly Option<int> _threads = new Option<int>("--threads") { Description = "Threads.", DefaultValueFactory = _ => Environment.ProcessorCount }.Within(1, 256);
    private readonly NormalizationArguments _normalization = new();
    private readonly Option<string> _output = new("--output", "-o") { Description = "The folder to write; a search that was interrupted goes on there.", DefaultValueFactory = _ => "out" };

    public CompressCommand()
        : base("compress", "Makes a model smaller and faster: by a recipe, or by searching within a loss of accuracy and a time. Always writes the Pareto set found.",
            "nabi compress model.onnx --data cifar10 --max-drop 1% --time 10m -o out/")
    {
        Add(_model);
        foreach (var option in new Option[] { _data, _recipe, _maxDrop, _time, _target, _limit, _noTraining, _seed, _threads, _output }) Add(option);
        _normalization.AddTo(this);
    }

    protected override int Run(ParseResult arguments, CancellationToken cancellation)
    {
        var folder = arguments.GetRequiredValue(_output);
        CompressionOutcome.EnsureWritable(folder);
        var graph = ModelFile.Read(arguments.GetRequiredValue(_model));
        var splits = DataSets.Find(arguments.GetRequiredValue(_data));
        if (_normalization.Of(arguments) is { } normalization) graph = graph.WithMetadata(normalization.Describe(graph.Metadata, splits.Train));
        var maxDrop = Points(arguments.GetRequiredValue(_maxDrop));
        var options = Limited(arguments.GetValue(_target), new BudgetOptions { MaxDrop = maxDrop, Time = Duration(arguments.GetRequiredValue(_time)), Folder = folder });

        using var line = new ProgressLine(Screen, $"compressing {graph.Name}", Clock);
        var context = ContextOf(arguments, splits, line, cancellation);
        var result = arguments.GetValue(_recipe) is { } recipe
            ? RecipeRun.Run(graph, RecipeFile.Load(recipe), context, options, new ModelStore())
            : BudgetSearch.Run(graph, context, options, new ModelStore());
        line.Done($"{result.Variants.Count - 1} variants{(result.WasCancelled ? ", stopped" : "")}");

        var outcome = new CompressionOutcome(Screen, result, context, maxDrop, folder);
        outcome.Write($"nabi {string.Join(' ', Environment.GetCommandLineArgs().Skip(1))}", [], Clock);
        outcome.Show();
        Screen.Document(outcome.Document());
        return result.IsBudgetMet ? CommandLine.Done : CommandLine.BudgetNotMet;
    }

    private CompressionContext ContextOf(ParseResult arguments, DataSplits splits, ProgressLine line, CancellationToken cancellation)
    {
        // The original has usually seen the whole training set: held-out training samples would flatter it. Half of the test samples choose.
        var (validation, _) = splits.Test.Split(0.5, arguments.GetValue(_seed));
        var train = arguments.GetValue(_limit) is { } limit ? splits.Train.Take(limit) : splits.Train;
        return new CompressionContext
        {
            Training = arguments.GetValue(_noTraining) ? null : train,
            Calibration = train,
            Validation = validation,
            Test = splits.Test,
            Seed = arguments.GetValue(_seed),
            Threads = arguments.GetValue(_threads),
            Clock = Clock,
            Progress = new Direct<CompressionProgress>(p => line.Report((p.Step - 1 + (p.Done ?? 0)) / p.Steps, $"{p.Recipe}: {p.What}")),
            Cancellation = cancellation,
        };
    }

    /// <summary>Reads <c>1%</c>, <c>1</c> or <c>0.5%</c> as points.</summary>
    internal static double Points(string text) => double.TryParse(text.TrimEnd('%', ' '), NumberStyles.Float, CultureInfo.InvariantCulture, out var points) && points is >= 0 and <= 100
        ? points / 100
        : throw new NabiException($"'{text}' is not a loss of accuracy; write points, for example 1% or 0.5%.");

    /// <summary>Reads <c>90s</c>, <c>10m</c> or <c>1h</c>.</summary>
    internal static TimeSpan Duration(string text)
    {
        var unit = text.Length > 0 ? text[^1] : ' ';
        var seconds = unit switch { 's' => 1.0, 'm' => 60, 'h' => 3600, _ => 0 };
        return seconds > 0 && double.TryParse(text[..^1], NumberStyles.Float, CultureInfo.InvariantCulture, out var count) && count > 0 && count * seconds < 1e7
            ? TimeSpan.FromSeconds(count * seconds)
            : throw new NabiException($"'{text}' is not a time; write for example 90s, 10m or 1h.");
    }

    private static BudgetOptions Limited(string? target, BudgetOptions options)
    {
        foreach (var limit in (target ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            options = limit.Split('=') switch
            {
                ["bytes", var n] => options with { MaxBytes = (long)Quantity(n) },
                ["macs", var n] => options with { MaxMacs = (long)Quantity(n) },
                ["latency", var n] => options with { MaxLatency = TimeSpan.FromMilliseconds(Quantity(n.EndsWith("ms", StringComparison.Ordinal) ? n[..^2] : n)) },
                [var name] => throw new NabiException($"There is no device profile '{name}' yet; state limits: bytes=50k,macs=2M,latency=1ms."),
                _ => throw new NabiException($"'{limit}' is not a limit; use bytes=50k, macs=2M or latency=1ms."),
            };
        }
        return options;
    }

    private static double Quantity(string text)
    {
        var factor = text.Length == 0 ? 0 : text[^1] switch { 'k' or 'K' => 1e3, 'M' => 1e6, 'G' => 1e9, _ => 1 };
        return double.TryParse(factor > 1 ? text[..^1] : text, NumberStyles.Float, CultureInfo.InvariantCulture, out var n) && n > 0
            ? n * factor
            : throw new NabiException($"'{text}' is not a quantity; write for example 50k, 2M or 1.5.");
    }
}
