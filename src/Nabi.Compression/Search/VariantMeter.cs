using System.Security.Cryptography;
using Nabi.Compression.Pruning;
using Nabi.Runtime;
using Nabi.Training;

namespace Nabi.Compression.Search;

/// <summary>Writes a variant and measures what was written: bytes, accuracy, latency.</summary>
internal sealed class VariantMeter(CompressionContext context, IModelStore store, BudgetOptions budget)
{
    private Evaluation? _baseline;

    /// <summary>Writes and measures.</summary>
    /// <param name="name">Name of the variant and its file.</param>
    /// <param name="graph">The network.</param>
    /// <param name="recipe">How it was made.</param>
    /// <param name="notes">What the steps said.</param>
    /// <param name="cancellation">Ends the measurement.</param>
    public Variant Measure(string name, Graph graph, string recipe, CompressionNotes notes, CancellationToken cancellation)
    {
        var stored = store.Write(graph, budget.Folder, name);
        var written = store.Read(stored.Path);
        var options = new EvaluationOptions { Session = new SessionOptions { Threads = context.Threads } };
        var validation = Evaluator.Evaluate(written, context.Validation, options, clock: context.Clock, cancellation: cancellation);
        var reported = context.Test is { } test ? Evaluator.Evaluate(written, test, options, clock: context.Clock, cancellation: cancellation) : validation;
        _baseline ??= reported;
        var latency = MeasureLatency(written);
        return new Variant
        {
            Name = name,
            Recipe = recipe,
            Path = stored.Path,
            Sha256 = HashOf(stored.Path),
            ValidationAccuracy = validation.Accuracy,
            Accuracy = reported.Accuracy,
            Loss = reported.Loss,
            Agreement = reported.AgreementWith(_baseline),
            Confusion = reported.Confusion,
            Bytes = stored.Bytes,
            Macs = ChannelSelection.Macs(written),
            Parameters = written.ParameterCount,
            P50Ms = latency.Median.TotalMilliseconds,
            P95Ms = latency.P95.TotalMilliseconds,
            Threads = budget.LatencyThreads,
            Notes = [.. notes.Lines],
            Layers = notes.Layers,
            Curves = [.. notes.Curves],
            Graph = written,
        };
    }

    /// <summary>The original's predictions, which agreement is counted against.</summary>
    public void SetBaseline(Graph graph)
    {
        var options = new EvaluationOptions { Session = new SessionOptions { Threads = context.Threads } };
        _baseline = Evaluator.Evaluate(graph, context.Test ?? context.Validation, options, clock: context.Clock, cancellation: context.Cancellation);
    }

    /// <summary>
    /// The same variants with latencies measured in turn: whatever else the machine does meanwhile, it does to all of them alike.
    /// </summary>
    public IReadOnlyList<Variant> InTurn(IReadOnlyList<Variant> variants)
    {
        var sessions = variants.Select(v => new Session(v.Graph!.WithBatch(1), new SessionOptions { Threads = budget.LatencyThreads })).ToArray();
        try
        {
            var inputs = sessions.Select(s => (IReadOnlyDictionary<string, Tensor>)s.Graph.Inputs
                .ToDictionary(i => i.Name, i => Tensor.Zeros(i.DType, i.Shape), StringComparer.Ordinal)).ToArray();
            var latencies = Latency.MeasureInTurn(sessions, inputs, Math.Max(10, budget.LatencyRuns / 2), budget.LatencyRuns, context.Clock);
            return [.. variants.Select((v, i) => v with { P50Ms = latencies[i].Median.TotalMilliseconds, P95Ms = latencies[i].P95.TotalMilliseconds })];
        }
        finally
        {
            foreach (var session in sessions) session.Dispose();
        }
    }

    private Latency MeasureLatency(Graph graph)
    {
        using var session = new Session(graph.WithBatch(1), new SessionOptions { Threads = budget.LatencyThreads });
        return Latency.Measure(session, Math.Max(10, budget.LatencyRuns / 2), budget.LatencyRuns, context.Clock);
    }

    private static string HashOf(string path)
    {
        using var stream = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }
}
