using Nabi.Formats;
using Nabi.Runtime;
using Nabi.Training;
using Nabi.Training.Data;

namespace Nabi.Cli.Commands;

/// <summary>A model file in measured numbers, for tables side by side.</summary>
internal sealed record Measured(string Path, long Bytes, GraphSummary Summary, Latency Latency, Evaluation? Evaluation)
{
    /// <summary>Reads and measures model files; their latencies in turn, run by run.</summary>
    public static IReadOnlyList<Measured> Of(Screen screen, TimeProvider clock, IReadOnlyList<string> paths, DataSet? data, int threads, int runs, CancellationToken cancellation)
    {
        var graphs = paths.Select(ModelFile.Read).ToArray();
        var sessions = graphs.Select(g => new Session(g.WithBatch(1), new SessionOptions { Threads = threads })).ToArray();
        try
        {
            var latencies = Latency.MeasureInTurn(sessions, [.. sessions.Select(s => SampleInputs.For(s.Graph))], 50, runs, clock);
            return [.. graphs.Select((g, i) => new Measured(paths[i], new FileInfo(paths[i]).Length, GraphSummary.Of(g), latencies[i],
                data is null ? null : Progresses.Evaluate(screen, clock, g, data, cancellation)))];
        }
        finally
        {
            foreach (var session in sessions) session.Dispose();
        }
    }

    /// <summary>The table; ratios are against the first.</summary>
    public static void Show(Screen screen, IReadOnlyList<Measured> rows)
    {
        var first = rows[0];
        screen.Table(null, ["model", ">accuracy", ">change", ">same", ">bytes", ">smaller", ">parameters", ">MACs", ">fewer", ">peak memory", ">p50", ">p95", ">faster"], rows.Select(r => (IReadOnlyList<string>)
        [
            r.Path, r.Evaluation is { } e ? Format.Percent(e.Accuracy) : "", r.Evaluation is { } own && r != first ? $"{(own.Accuracy - first.Evaluation!.Accuracy) * 100:+0.00;-0.00;0.00}" : "",
            r.Evaluation is { } mine && r != first ? Format.Percent(mine.AgreementWith(first.Evaluation!)) : "",
            Format.Bytes(r.Bytes), Format.Times((double)first.Bytes / r.Bytes), Format.Count(r.Summary.Parameters), Format.Count(r.Summary.Cost.Macs),
            Format.Times((double)first.Summary.Cost.Macs / Math.Max(1, r.Summary.Cost.Macs)), Format.Bytes(r.Summary.PeakActivationBytes),
            Format.Milliseconds(r.Latency.Median.TotalMilliseconds), Format.Milliseconds(r.Latency.P95.TotalMilliseconds), Format.Times(first.Latency.Median / r.Latency.Median),
        ]));
        screen.Say($"Latency of one sample on {first.Latency.Threads} thread{(first.Latency.Threads == 1 ? "" : "s")} of {first.Latency.Processor}, {first.Latency.Runs} runs in turn.");
    }

    /// <summary>The row of a JSON document.</summary>
    public object Document() => new
    {
        Model = Path,
        Evaluation?.Accuracy,
        Evaluation?.Loss,
        Bytes,
        Summary.Parameters,
        Summary.Cost.Macs,
        Summary.PeakActivationBytes,
        P50Ms = Latency.Median.TotalMilliseconds,
        P95Ms = Latency.P95.TotalMilliseconds,
        Latency.Threads,
        Latency.Processor,
    };
}
