using Nabi.Compression;
using Nabi.Compression.Diagnosis;
using Nabi.Compression.Reports;
using Nabi.Compression.Search;
using Nabi.Formats;
using Nabi.Runtime;
using Nabi.Training;

namespace Nabi.Cli.Commands;

/// <summary>What becomes of a finished compression: the recommended files, the report, the table and the JSON document.</summary>
internal sealed class CompressionOutcome(Screen screen, BudgetResult result, CompressionContext context, double maxDrop, string folder)
{
    private const int ReportSamples = 256, ReportLayers = 16;

    /// <summary>The variant to use, or the closest when none is within the budget.</summary>
    public Variant Shown { get; } = result.Recommended ?? result.Closest ?? result.Baseline;

    /// <summary>Bytes of the original as ONNX.</summary>
    public long OriginalOnnxBytes { get; } = new FileInfo(Path.ChangeExtension(result.Baseline.Path, ".onnx")).Length;

    private string ReportPath => ReportIn(folder);

    /// <summary>Fails before the work when its results could not be written.</summary>
    public static void EnsureWritable(string folder) => AtomicFile.EnsureWritable(ReportIn(folder));

    /// <summary>Copies the chosen variant to <c>recommended.onnx</c> and <c>recommended.nabi</c>, and writes <c>report.html</c>.</summary>
    public void Write(string command, IReadOnlyList<EpochRecord> baselineTraining, TimeProvider clock)
    {
        if (result.Recommended is { } recommended)
        {
            foreach (var extension in new[] { ".onnx", ".nabi" })
            {
                using var variant = File.OpenRead(Path.ChangeExtension(recommended.Path, extension));
                AtomicFile.Write(Path.Combine(folder, $"recommended{extension}"), variant.CopyTo);
            }
        }
        var graph = (Shown.Graph ?? ModelFile.Read(Shown.Path)).WithBatch(1);
        using var session = new Session(graph, new SessionOptions { Threads = 1 });
        var profile = session.Profile(SampleInputs.For(graph), 100, clock);
        ReportPage.Of(CompressionReport.Of(result, context, maxDrop), new ReportFacts
        {
            OriginalOnnxBytes = OriginalOnnxBytes,
            Command = command,
            BaselineTraining = baselineTraining,
            Profile = profile,
            Diagnosis = Diagnosed(),
        }).Save(ReportPath);
    }

    // What lost nothing needs no diagnosis; the noisiest layers and a few samples say enough for a report.
    private ModelDiagnosis? Diagnosed()
    {
        if (context.Cancellation.IsCancellationRequested || result.Baseline.Graph is not { } before || Shown.Graph is not { } after
            || Shown.Accuracy >= result.Baseline.Accuracy) return null;
        try
        {
            return ModelDiagnosis.Of(before, after, context with { Progress = null }, new DiagnosisOptions { Samples = ReportSamples, Layers = ReportLayers });
        }
        catch (NabiException e)
        {
            screen.Note($"nabi: no diagnosis in the report: {e.Message}");
            return null;
        }
    }

    /// <summary>The variants as a table, and what was written where.</summary>
    public void Show()
    {
        var baseline = result.Baseline;
        screen.Table(null, ["variant", ">accuracy", ">change", ">bytes", ">smaller", ">MACs", ">fewer", ">p50", ">faster", "front", "budget"], result.Variants.Select(v => (IReadOnlyList<string>)
        [
            v.Name == Shown.Name && v.Name != baseline.Name ? $"* {v.Name}" : $"  {v.Name}", Format.Percent(v.Accuracy), v.Name == baseline.Name ? "" : $"{(v.Accuracy - baseline.Accuracy) * 100:+0.00;-0.00;0.00}",
            Format.Bytes(v.Bytes), Format.Times((double)OriginalOnnxBytes / v.Bytes), Format.Count(v.Macs), Format.Times((double)baseline.Macs / Math.Max(1, v.Macs)),
            Format.Milliseconds(v.P50Ms), Format.Times(baseline.P50Ms / v.P50Ms), v.IsOnFront ? "yes" : "", v.MeetsBudget ? "met" : "",
        ]));
        screen.Say($"\"smaller\" compares the .nabi file with the original's ONNX file ({Format.Bytes(OriginalOnnxBytes)}); accuracy in points, on {(context.Test ?? context.Validation).Count} samples.");
        foreach (var note in Shown.Notes) screen.Say($"  {note}");
        foreach (var failure in result.Failures) screen.Note($"nabi: {failure}");
        screen.Say(result.IsBudgetMet
            ? $"Recommended: {Shown.Name}, written to {Path.Combine(folder, "recommended.onnx")} and .nabi"
            : $"No variant met the budget of {maxDrop * 100:0.##} points{(Shown.Name == baseline.Name ? "" : $"; {Shown.Name} comes closest")}.");
        screen.Say($"Report: {ReportPath}");
    }

    private static string ReportIn(string folder) => Path.Combine(folder, "report.html");

    /// <summary>The JSON document.</summary>
    public object Document() => new
    {
        Baseline = Row(result.Baseline),
        Pareto = result.Pareto.Select(Row),
        Variants = result.Variants.Select(Row),
        Recommended = result.Recommended is { } v ? Row(v) : null,
        Closest = result.Closest is { } c ? Row(c) : null,
        OriginalOnnxBytes,
        result.IsBudgetMet,
        result.WasCancelled,
        result.Failures,
        result.Seconds,
        Report = ReportPath,
    };

    private object Row(Variant v) => new
    {
        v.Name,
        v.Accuracy,
        v.ValidationAccuracy,
        v.Loss,
        v.Agreement,
        v.Bytes,
        OnnxBytes = new FileInfo(Path.ChangeExtension(v.Path, ".onnx")).Length,
        v.Macs,
        v.Parameters,
        v.P50Ms,
        v.P95Ms,
        v.Threads,
        v.Path,
        Onnx = Path.ChangeExtension(v.Path, ".onnx"),
        v.Sha256,
        v.MeetsBudget,
    };
}
