using System.Globalization;
using System.Runtime.InteropServices;

namespace Nabi.Runtime;

/// <summary>Measured time of one run, after warming up.</summary>
/// <param name="Median">Half of the runs were faster.</param>
/// <param name="P95">95 of 100 runs were faster.</param>
/// <param name="Mean">Arithmetic mean.</param>
/// <param name="Minimum">The fastest run.</param>
/// <param name="Runs">Runs measured.</param>
/// <param name="Threads">Threads used.</param>
/// <param name="Processor">The processor's name, as the system states it.</param>
public sealed record Latency(TimeSpan Median, TimeSpan P95, TimeSpan Mean, TimeSpan Minimum, int Runs, int Threads, string Processor)
{
    /// <summary>Measures a session on given inputs. Updates of the graph, if any, are applied in every run.</summary>
    /// <param name="session">The session; its graph's shapes must not depend on data.</param>
    /// <param name="inputs">A tensor for every input, by name.</param>
    /// <param name="warmup">Runs before the measurement, 0 or more: code is compiled and memory touched.</param>
    /// <param name="runs">Runs measured, at least 1.</param>
    /// <param name="clock">The clock.</param>
    /// <exception cref="NabiException">An input does not fit, or the graph's shapes depend on data.</exception>
    public static Latency Measure(Session session, IReadOnlyDictionary<string, Tensor> inputs, int warmup, int runs, TimeProvider clock) =>
        MeasureInTurn([session], [inputs], warmup, runs, clock)[0];

    /// <summary>
    /// Measures several sessions in turn, run by run: what slows the machine down for a while slows all of them down, so that their ratios hold.
    /// </summary>
    /// <param name="sessions">The sessions.</param>
    /// <param name="inputs">For each session a tensor for every input, by name.</param>
    /// <param name="warmup">Runs of each before the measurement, 0 or more.</param>
    /// <param name="runs">Runs of each measured, at least 1.</param>
    /// <param name="clock">The clock.</param>
    /// <exception cref="NabiException">An input does not fit, or a graph's shapes depend on data.</exception>
    public static IReadOnlyList<Latency> MeasureInTurn(IReadOnlyList<Session> sessions, IReadOnlyList<IReadOnlyDictionary<string, Tensor>> inputs, int warmup, int runs, TimeProvider clock)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(warmup);
        ArgumentOutOfRangeException.ThrowIfLessThan(runs, 1);
        var given = sessions.Select((s, i) => InOrder(s, inputs[i])).ToArray();
        var outputs = sessions.Select((s, i) => s.OutputsFor(given[i])).ToArray();
        var ticks = sessions.Select(_ => new long[runs]).ToArray();
        for (var run = -warmup; run < runs; run++)
        {
            for (var i = 0; i < sessions.Count; i++)
            {
                var start = clock.GetTimestamp();
                sessions[i].Run(given[i], outputs[i]);
                if (run >= 0) ticks[i][run] = clock.GetTimestamp() - start;
            }
        }
        return [.. sessions.Select((s, i) => Of(ticks[i], s.Options.Threads, clock))];
    }

    /// <summary>Measures a session on zeros, which take as long as any other numbers. All input shapes of the graph must be known.</summary>
    /// <inheritdoc cref="Measure(Session, IReadOnlyDictionary{string, Tensor}, int, int, TimeProvider)"/>
    public static Latency Measure(Session session, int warmup, int runs, TimeProvider clock)
    {
        foreach (var input in session.Graph.Inputs)
            if (!input.Shape.IsKnown) throw new NabiException($"Input '{input.Name}' of graph '{session.Graph.Name}' is {input.Type}; fix its shape (for example the batch size) before measuring.");
        return Measure(session, session.Graph.Inputs.ToDictionary(i => i.Name, i => Tensor.Zeros(i.DType, i.Shape), StringComparer.Ordinal), warmup, runs, clock);
    }

    /// <summary>The name of this machine's processor.</summary>
    public static string ProcessorName { get; } = ReadProcessorName();

    /// <summary>For example <c>1.23 ms (p95 1.40 ms, mean 1.25 ms) over 100 runs on 2 threads of AMD EPYC</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Median.TotalMilliseconds:G4} ms (p95 {P95.TotalMilliseconds:G4} ms, mean {Mean.TotalMilliseconds:G4} ms) over {Runs} runs on {Threads} thread{(Threads == 1 ? "" : "s")} of {Processor}");

    private static Tensor[] InOrder(Session session, IReadOnlyDictionary<string, Tensor> inputs) =>
        [.. session.Graph.Inputs.Select(i => inputs.TryGetValue(i.Name, out var t) ? t
            : throw new NabiException($"Input '{i.Name}' of graph '{session.Graph.Name}' was not given; it is {i.Type}."))];

    private static Latency Of(long[] ticks, int threads, TimeProvider clock)
    {
        Array.Sort(ticks);
        TimeSpan Span(double count) => TimeSpan.FromSeconds(count / clock.TimestampFrequency);
        return new Latency(Span(ticks[(ticks.Length - 1) / 2]), Span(ticks[(int)Math.Ceiling(0.95 * ticks.Length) - 1]), Span(ticks.Average()), Span(ticks[0]),
            ticks.Length, threads, ProcessorName);
    }

    private static string ReadProcessorName()
    {
        try
        {
            foreach (var line in File.ReadLines("/proc/cpuinfo"))
                if (line.StartsWith("model name", StringComparison.Ordinal) && line.IndexOf(':', StringComparison.Ordinal) is > 0 and var at) return line[(at + 1)..].Trim();
        }
        catch (IOException)
        {
            // Not Linux: the architecture is all there is to say.
        }
        catch (UnauthorizedAccessException)
        {
        }
        return Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER") ?? RuntimeInformation.ProcessArchitecture.ToString();
    }
}
