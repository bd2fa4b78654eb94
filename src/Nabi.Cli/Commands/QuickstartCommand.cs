using System.CommandLine;
using Nabi.Compression;
using Nabi.Compression.Recipes;
using Nabi.Compression.Search;
using Nabi.Models;
using Nabi.Training;
using Nabi.Training.Data;

namespace Nabi.Cli.Commands;

/// <summary><c>nabi quickstart</c>: the whole road on real data in a few minutes.</summary>
internal sealed class QuickstartCommand : NabiCommand
{
    private const double MaxDrop = 0.01;

    private readonly Option<string> _output = new("--output", "-o") { Description = "The folder to write.", DefaultValueFactory = _ => Path.Combine("out", "quickstart") };
    private readonly Option<ulong> _seed = new("--seed") { Description = "Seed of all chance.", DefaultValueFactory = _ => 0 };
    private readonly Option<string> _data = new("--data") { Description = "The data set; glyphs needs no download.", DefaultValueFactory = _ => "fashion-mnist" };
    private readonly Option<int> _epochs = new Option<int>("--epochs") { Description = "Epochs of the first training.", DefaultValueFactory = _ => 3 }.Within(1, 100_000);

    public QuickstartCommand()
        : base("quickstart", "Trains a small residual network on Fashion-MNIST, compresses it with the default recipe, compares, and writes ONNX, .nabi and a report.", "nabi quickstart")
    {
        foreach (var option in new Option[] { _output, _seed, _data, _epochs }) Add(option);
    }

    protected override int Run(ParseResult arguments, CancellationToken cancellation)
    {
        var (folder, seed) = (arguments.GetRequiredValue(_output), arguments.GetValue(_seed));
        CompressionOutcome.EnsureWritable(folder);
        var splits = Data(arguments.GetRequiredValue(_data), cancellation);
        var (train, validation) = splits.WithValidation(0.05, seed);
        Screen.Say($"1. Train nabi-small on {splits.Name}: {train.Count} samples of {string.Join('x', train.SampleShape)}, {train.ClassNames.Count} classes");
        var training = Train(train, arguments.GetValue(_epochs), seed, cancellation);
        if (!training.IsComplete) throw new OperationCanceledException(cancellation);

        var recipe = RecipeFile.Load("default");
        Screen.Say($"2. Compress it with the recipe '{recipe.Name}': {recipe.Description}");
        var context = new CompressionContext { Training = train, Validation = validation, Test = splits.Test, Seed = seed, Clock = Clock, Cancellation = cancellation };
        var result = Compress(training.Model, recipe, context, folder);
        var outcome = new CompressionOutcome(Screen, result, context, MaxDrop, folder);
        outcome.Write("nabi quickstart", training.History, Clock);

        Screen.Say("3. Compare");
        outcome.Show();
        string[] files = [Path.ChangeExtension(result.Baseline.Path, ".onnx"), Path.ChangeExtension(outcome.Shown.Path, ".onnx"), outcome.Shown.Path];
        var measured = Measured.Of(Screen, Clock, files, splits.Test, threads: 1, runs: 1000, cancellation);
        Measured.Show(Screen, measured);
        Next(folder, splits.Name);
        Screen.Document(new { Compression = outcome.Document(), Comparison = measured.Select(m => m.Document()) });
        return result.IsBudgetMet ? CommandLine.Done : CommandLine.BudgetNotMet;
    }

    private DataSplits Data(string name, CancellationToken cancellation)
    {
        if (!DataFetch.Names.Contains(name)) return DataSets.Find(name);
        var fetched = new DataFetch().Fetch(name, Screen.Note, cancellation);
        if (fetched.IsAvailable) return DataSets.Find(name);
        Screen.Note($"{fetched.Message} Going on with glyphs, which Nabi draws itself.");
        return DataSets.Find("glyphs");
    }

    private TrainingResult Train(DataSet train, int epochs, ulong seed, CancellationToken cancellation)
    {
        var model = Zoo.Find("nabi-small").Create(new ModelOptions { Input = train.SampleShape, Classes = train.ClassNames.Count, Seed = seed });
        var trainer = new Trainer(model, train, new TrainingOptions
        {
            Epochs = epochs,
            Seed = seed,
        });
        return Progresses.Train(Screen, Clock, "   training", trainer.Run, cancellation);
    }

    private BudgetResult Compress(Graph model, Recipe recipe, CompressionContext context, string folder)
    {
        using var line = new ProgressLine(Screen, "   compressing", Clock);
        context = context with
        {
            BatchSize = 128,
            Progress = new Direct<CompressionProgress>(p => line.Report((p.Step - 1 + (p.Done ?? 0)) / p.Steps, p.What)),
        };
        var result = RecipeRun.Run(model, recipe, context, new BudgetOptions { MaxDrop = MaxDrop, Folder = folder }, new ModelStore());
        line.Done($"{recipe.Steps.Count} steps");
        return result;
    }

    private void Next(string folder, string data)
    {
        Screen.Say();
        Screen.Say("What to try next:");
        Screen.Say($"  nabi inspect {Path.Combine(folder, "recommended.onnx")}");
        Screen.Say($"  nabi bench {Path.Combine(folder, "recommended.nabi")} --per-layer");
        Screen.Say($"  nabi compress {Path.Combine(folder, "original.onnx")} --data {data} --max-drop 1% --time 10m -o {Path.Combine(folder, "search")}");
        Screen.Say("  nabi train resnet8 --data cifar10        (your own data: a folder of images by class)");
    }
}
