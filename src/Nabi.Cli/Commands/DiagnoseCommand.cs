using System.CommandLine;
using Nabi.Compression;
using Nabi.Compression.Diagnosis;
using Nabi.Compression.Reports;
using Nabi.Formats;
using Nabi.Training.Data;

namespace Nabi.Cli.Commands;

/// <summary><c>nabi diagnose</c>: which layers of a compressed model lose accuracy, and what to do about it.</summary>
internal sealed class DiagnoseCommand : NabiCommand
{
    private readonly Argument<string> _original = new("original") { Description = "The model in floats." };
    private readonly Argument<string> _compressed = new("compressed") { Description = "What became of it." };
    private readonly Option<string> _data = DataArguments.Option();
    private readonly Option<int> _samples = new Option<int>("--samples") { Description = "Test samples to look at.", DefaultValueFactory = _ => new DiagnosisOptions().Samples }.Within(1, 1_000_000);
    private readonly Option<int> _layers = new Option<int>("--layers") { Description = "Layers to experiment with, the noisiest first.", DefaultValueFactory = _ => new DiagnosisOptions().Layers }.Within(1, 10_000);
    private readonly Option<int> _show = new Option<int>("--show") { Description = "Layers to list.", DefaultValueFactory = _ => 12 }.Within(1, 10_000);
    private readonly Option<ulong> _seed = new("--seed") { Description = "Seed that draws the samples.", DefaultValueFactory = _ => 0 };
    private readonly Option<int> _threads = new Option<int>("--threads") { Description = "Threads.", DefaultValueFactory = _ => Environment.ProcessorCount }.Within(1, 256);
    private readonly NormalizationArguments _normalization = new();
    private readonly Option<string?> _output = new("--output", "-o") { Description = "An HTML page to write." };

    public DiagnoseCommand()
        : base("diagnose", "Names the layers of a compressed model that lose accuracy, by putting each back alone and by changing each alone, and says what to do about them.",
            "nabi diagnose model.onnx out/recommended.onnx --data cifar10")
    {
        Add(_original);
        Add(_compressed);
        foreach (var option in new Option[] { _data, _samples, _layers, _show, _seed, _threads, _output }) Add(option);
        _normalization.AddTo(this);
    }

    protected override int Run(ParseResult arguments, CancellationToken cancellation)
    {
        var page = arguments.GetValue(_output);
        if (page is not null) AtomicFile.EnsureWritable(page);
        var (original, compressed) = (ModelFile.Read(arguments.GetRequiredValue(_original)), ModelFile.Read(arguments.GetRequiredValue(_compressed)));
        var data = DataSets.Find(arguments.GetRequiredValue(_data));
        if (_normalization.Of(arguments) is { } normalization) original = original.WithMetadata(normalization.Describe(original.Metadata, data.Train));
        using var line = new ProgressLine(Screen, $"diagnosing {compressed.Name}", Clock);
        var context = new CompressionContext
        {
            Validation = data.Test,
            Seed = arguments.GetValue(_seed),
            Threads = arguments.GetValue(_threads),
            Clock = Clock,
            Progress = new Direct<CompressionProgress>(p => line.Report(p.Done ?? 0, p.What)),
            Cancellation = cancellation,
        };
        var options = new DiagnosisOptions { Samples = arguments.GetValue(_samples), Layers = arguments.GetValue(_layers) };
        var diagnosis = ModelDiagnosis.Of(original, compressed, context, options);
        line.Done($"{diagnosis.Layers.Count} layers on {diagnosis.Samples} samples");
        Show(diagnosis, arguments.GetValue(_show));
        if (page is not null)
        {
            DiagnosisSection.Page(diagnosis, compressed.Name).Save(page);
            Screen.Say($"Report: {page}");
        }
        Screen.Document(diagnosis);
        return CommandLine.Done;
    }

    private void Show(ModelDiagnosis diagnosis, int show)
    {
        Screen.Table(null, [.. DiagnosisSection.Columns], diagnosis.Layers.Take(show).Select(DiagnosisSection.Row));
        Screen.Say(DiagnosisSection.Summary(diagnosis));
        foreach (var layer in diagnosis.Layers.Where(l => l.Mends.Count > 0).Take(show))
            Screen.Say($"  {layer.Node}: {string.Join("; or ", layer.Mends)}");
    }
}
