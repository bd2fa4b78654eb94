using System.Globalization;
using System.Text;
using Nabi.Models;
using Nabi.Runtime;

namespace Nabi.Bench;

/// <summary>
/// Full attention and three efficient ones over sequences of 256 to 8192 tokens: time, multiply-accumulates, memory, and how they grow. One head of 64 features, batch 1;
/// queries, keys and values are inputs, so that the projections, which all have in common, are left out.
/// </summary>
internal static class AttentionSuite
{
    private const int HeadWidth = 64, Warmup = 2;

    private static readonly int[] Lengths = [256, 512, 1024, 2048, 4096, 8192];

    private static readonly Row[] Rows =
    [
        new("full", "softmax(Q K^T / sqrt(d)) V", "N^2", n => (double)n * n, () => (q, k, v) => q.DotProductAttention(k, v)),
        new("Linformer", "k = 128", "N", n => n, () => new LinformerAttention { ProjectedTokens = 128 }.Attend),
        new("LSH", "chunks of 64, 1 round, N / 32 buckets", "N log N", n => n * Math.Log2(n), () => new LshAttention { ChunkLength = 64 }.Attend),
        new("LSH x 4", "chunks of 64, 4 rounds, N / 32 buckets", "N log N", n => n * Math.Log2(n), () => new LshAttention { ChunkLength = 64, Rounds = 4 }.Attend),
        new("FAVOR+", "m = 256, orthogonal", "N", n => n, () => new FavorAttention { Features = 256 }.Attend),
        new("FAVOR+ causal", "m = 256, orthogonal, chunks of 64", "N", n => n, () => new FavorAttention { Features = 256, IsCausal = true }.Attend),
    ];

    /// <summary>Measures, prints and writes <c>bench/results/&lt;date&gt;-attention.md</c>.</summary>
    /// <param name="threads">Threads of the sessions.</param>
    /// <param name="profiled">A length whose steps are printed instead, or 0.</param>
    /// <param name="clock">The clock.</param>
    public static void Run(int threads, int profiled, TimeProvider clock)
    {
        if (profiled > 0)
        {
            foreach (var row in Rows) Profile(row, profiled, threads, clock);
            return;
        }
        var results = Lengths.Select(n => Measured(n, threads, clock)).ToArray();
        var document = Document(results, threads, clock);
        Console.WriteLine(document);
        File.WriteAllText(Path.Combine(Repository.Results, $"{clock.GetUtcNow():yyyy-MM-dd}-attention.md"), document);
    }

    private static Result[] Measured(int tokens, int threads, TimeProvider clock)
    {
        var graphs = Rows.Select(r => GraphOf(r, tokens)).ToArray();
        var sessions = graphs.Select(g => new Session(g, new SessionOptions { Threads = threads })).ToArray();
        var feeds = graphs.Select(g => (IReadOnlyDictionary<string, Tensor>)Feed(g)).ToArray();
        var latencies = Latency.MeasureInTurn(sessions, feeds, Warmup, Runs(tokens), clock);
        Result[] results = [.. sessions.Select((s, i) => new Result(latencies[i], s.Plan!.Steps.Sum(p => p.Macs), s.Plan.PeakLiveBytes, s.Plan.ReferenceKernels))];
        foreach (var session in sessions) session.Dispose();
        return results;
    }

    private static int Runs(int tokens) => Math.Clamp(200_000 / tokens, 31, 301);

    // What else ran on the machine decides what a median is worth.
    private static string Load() => File.Exists("/proc/loadavg")
        ? $"{string.Join(", ", File.ReadAllText("/proc/loadavg").Split(' ')[..3])} over 1, 5, 15 minutes on {Environment.ProcessorCount} processors"
        : "not known";

    private static void Profile(Row row, int tokens, int threads, TimeProvider clock)
    {
        var graph = GraphOf(row, tokens);
        using var session = new Session(graph, new SessionOptions { Threads = threads });
        Console.WriteLine($"{row.Name}, {tokens} tokens\n{session.Profile(Feed(graph), 5, clock)}");
    }

    private static Graph GraphOf(Row row, int tokens)
    {
        var network = new Network(row.Name, new ModelOptions { Seed = 1 });
        Feature Input(string name) => new(network, network.Builder.Input(name, DType.Float32, [1, 1, tokens, HeadWidth]));
        return network.Finish(row.Make()(Input("q"), Input("k"), Input("v")));
    }

    private static Dictionary<string, Tensor> Feed(Graph graph)
    {
        var rng = new Rng(7);
        return graph.Inputs.ToDictionary(i => i.Name, i =>
        {
            var tensor = Tensor.Empty(DType.Float32, i.Shape);
            foreach (ref var x in tensor.Span<float>()) x = (float)rng.NextGaussian();
            return tensor;
        });
    }

    private static string Document(Result[][] results, int threads, TimeProvider clock)
    {
        var text = new StringBuilder();
        void Line(FormattableString line) => text.AppendLine(line.ToString(CultureInfo.InvariantCulture));
        Line($"# Attention, {clock.GetUtcNow():yyyy-MM-dd}");
        Line($"");
        Line($"`dotnet run -c Release --project bench/Nabi.Bench -- attention {threads}` on {Latency.ProcessorName}, {threads} thread{(threads == 1 ? "" : "s")}.");
        Line($"One head of {HeadWidth} features, batch 1, normal numbers; the projections around it are left out. All are run in turn, {Runs(Lengths[0])} times at the shortest length to");
        Line($"{Runs(Lengths[^1])} times at the longest. Load of the machine: {Load()}; where other work interrupts, the fastest run says more than the median.");
        Line($"Memory is the most that is alive at once between the steps of a run. Exponents are slopes of least squares in log-log over the last four lengths; the last column is that");
        Line($"of the claimed growth itself over the same lengths.");
        Table(text, "Milliseconds, median", results, r => r.Latency.Median.TotalMilliseconds, "F2");
        Table(text, "Milliseconds, fastest run", results, r => r.Latency.Minimum.TotalMilliseconds, "F2");
        Table(text, "Million multiply-accumulates", results, r => r.Macs / 1e6, "F1");
        Table(text, "MiB alive at once", results, r => r.Bytes / (double)(1 << 20), "F1");
        var plain = results.SelectMany(r => r).SelectMany(r => r.ReferenceKernels).Distinct().ToArray();
        Line($"");
        Line($"Steps without a kernel: {(plain.Length == 0 ? "none" : string.Join(", ", plain))}.");
        return text.ToString();
    }

    private static void Table(StringBuilder text, string title, Result[][] results, Func<Result, double> number, string format)
    {
        text.AppendLine().AppendLine($"## {title}").AppendLine();
        text.AppendLine($"| attention | {string.Join(" | ", Lengths)} | exponent | claimed |");
        text.AppendLine($"|---|{string.Concat(Lengths.Select(_ => "---:|"))}---:|---:|");
        for (var i = 0; i < Rows.Length; i++)
        {
            var row = Rows[i];
            var values = results.Select(r => number(r[i])).ToArray();
            var cells = values.Select(v => v.ToString(format, CultureInfo.InvariantCulture));
            text.AppendLine(string.Create(CultureInfo.InvariantCulture,
                $"| {row.Name} ({row.Settings}) | {string.Join(" | ", cells)} | {Slope(values):F2} | {row.Claim}: {Slope([.. Lengths.Select(n => row.Growth(n))]):F2} |"));
        }
    }

    // The slope of log y over log n by least squares, over the last four lengths.
    private static double Slope(double[] y)
    {
        var points = Lengths.Zip(y).Skip(Lengths.Length - 4).Select(p => (X: Math.Log(p.First), Y: Math.Log(p.Second))).ToArray();
        var (meanX, meanY) = (points.Average(p => p.X), points.Average(p => p.Y));
        return points.Sum(p => (p.X - meanX) * (p.Y - meanY)) / points.Sum(p => (p.X - meanX) * (p.X - meanX));
    }

    private sealed record Row(string Name, string Settings, string Claim, Func<double, double> Growth, Func<Func<Feature, Feature, Feature, Feature>> Make);

    private sealed record Result(Latency Latency, long Macs, long Bytes, IReadOnlyList<string> ReferenceKernels);
}
