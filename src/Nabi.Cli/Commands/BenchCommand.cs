using System.CommandLine;
using Nabi.Formats;
using Nabi.Runtime;

namespace Nabi.Cli.Commands;

/// <summary><c>nabi bench</c>: latency on this machine.</summary>
internal sealed class BenchCommand : NabiCommand
{
    private readonly Argument<string> _model = new("model") { Description = "The model file." };
    private readonly Option<int> _batch = new Option<int>("--batch") { Description = "Samples in a run.", DefaultValueFactory = _ => 1 }.Within(1, 65536);
    private readonly Option<int> _threads = new Option<int>("--threads") { Description = "Threads.", DefaultValueFactory = _ => 1 }.Within(1, 256);
    private readonly Option<int> _runs = new Option<int>("--runs") { Description = "Runs measured.", DefaultValueFactory = _ => 200 }.Within(1, 1_000_000);
    private readonly Option<int> _warmup = new Option<int>("--warmup") { Description = "Runs before the measurement.", DefaultValueFactory = _ => 50 }.Within(0, 1_000_000);
    private readonly Option<bool> _perLayer = new("--per-layer") { Description = "Show time, speed and share of the processor's peak of every step of the plan." };
    private readonly Option<int> _streams = new Option<int>("--streams") { Description = "Sessions that run at once and share the weights, each on --threads threads.", DefaultValueFactory = _ => 1 }.Within(1, 256);
    private readonly Option<string?> _choices = new("--choices") { Description = "A file of nabi tune with the kernels to take." };

    public BenchCommand()
        : base("bench", "Measures latency after warming up: median and 95th percentile.", "nabi bench model.onnx --threads 2 --per-layer")
    {
        Add(_model);
        foreach (var option in new Option[] { _batch, _threads, _runs, _warmup, _streams, _choices, _perLayer }) Add(option);
    }

    protected override int Run(ParseResult arguments, CancellationToken cancellation)
    {
        var path = arguments.GetRequiredValue(_model);
        var batch = arguments.GetValue(_batch);
        var runs = arguments.GetValue(_runs);
        var warmup = arguments.GetValue(_warmup);
        var threads = arguments.GetValue(_threads);
        var graph = ModelFile.Read(path).WithBatch(batch);
        var choices = arguments.GetValue(_choices) is { } file ? KernelChoices.Read(file) : KernelChoices.None;
        using var session = new Session(graph, new SessionOptions { Threads = threads, Choices = choices });
        var inputs = SampleInputs.For(graph);
        var latency = Latency.Measure(session, inputs, warmup, runs, Clock);
        var together = arguments.GetValue(_streams) is > 1 and var streams ? Throughput.Measure(session, inputs, streams, warmup, runs, Clock) : null;
        var profile = arguments.GetValue(_perLayer) ? session.Profile(inputs, Math.Min(runs, 50), Clock) : null;
        var peak = profile is null ? null : CorePeak.Measure(Clock);

        Screen.Say($"{path}: median {Format.Milliseconds(latency.Median.TotalMilliseconds)}, p95 {Format.Milliseconds(latency.P95.TotalMilliseconds)}, "
            + $"{batch / latency.Median.TotalSeconds:N0} samples/s, batch {batch}, {latency.Threads} thread{(latency.Threads == 1 ? "" : "s")}, {latency.Runs} runs, {latency.Processor}");
        if (session.Plan?.KernelFault is { } fault) Screen.Note(fault);
        if (together is not null)
            Screen.Say($"{together.Streams} streams at once: {batch * together.RunsPerSecond:N0} samples/s, median {Format.Milliseconds(together.Median.TotalMilliseconds)}");
        if (profile is not null) Show(profile, peak!, threads);
        Screen.Document(new
        {
            Model = path,
            P50Ms = latency.Median.TotalMilliseconds,
            P95Ms = latency.P95.TotalMilliseconds,
            MeanMs = latency.Mean.TotalMilliseconds,
            latency.Threads,
            Batch = batch,
            latency.Runs,
            latency.Processor,
            Streams = together?.Streams ?? 1,
            SamplesPerSecond = batch * (together?.RunsPerSecond ?? 1 / latency.Median.TotalSeconds),
            Peak = peak,
            Steps = profile?.Steps.Select(s => new { s.Step.Name, s.Step.Kernel, Ms = s.Median.TotalMilliseconds, s.Step.Macs, s.GigaflopsPerSecond, OfPeak = s.GigaflopsPerSecond / peak!.Of(s.Step, threads) }),
        });
        return CommandLine.Done;
    }

    private void Show(SessionProfile profile, CorePeak peak, int threads)
    {
        Screen.Table(null, ["step", "kernel", ">time", ">share", ">MACs", ">GFLOP/s", ">of peak", ">GB/s"], profile.Steps.Select(s => (IReadOnlyList<string>)
        [
            s.Step.Name, s.Step.Kernel, Format.Milliseconds(s.Median.TotalMilliseconds), $"{s.Median / profile.Total:P1}",
            s.Step.Macs == 0 ? "" : Format.Count(s.Step.Macs), s.Step.Macs == 0 ? "" : $"{s.GigaflopsPerSecond:0.0}",
            s.Step.Macs == 0 || peak.Of(s.Step, threads) is not { } most ? "" : $"{s.GigaflopsPerSecond / most:P0}", $"{s.GigabytesPerSecond:0.0}",
        ]));
        var integers = peak.IntegerGigaopsPerSecond is { } giga ? $", {giga:0} GOP/s of 8-bit integers" : "";
        Screen.Say($"Peak measured on one core: {peak.GigaflopsPerSecond:0} GFLOP/s{integers}; two operations per MAC.");
    }
}
