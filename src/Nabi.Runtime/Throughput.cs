namespace Nabi.Runtime;

/// <summary>What several streams get done at once: sessions that share their packed weights and run side by side.</summary>
/// <param name="Streams">Sessions.</param>
/// <param name="RunsPerSecond">Runs of all of them together.</param>
/// <param name="Median">The median time of one run while the others run.</param>
public sealed record Throughput(int Streams, double RunsPerSecond, TimeSpan Median)
{
    /// <summary>Measures. The first stream is the given session; the others share its weights (see <see cref="Session.Share"/>) and its options.</summary>
    /// <param name="session">The session.</param>
    /// <param name="inputs">A tensor for every input, by name; all streams read the same.</param>
    /// <param name="streams">Sessions, at least 1.</param>
    /// <param name="warmup">Runs of each before the measurement, 0 or more.</param>
    /// <param name="runs">Runs of each measured, at least 1.</param>
    /// <param name="clock">The clock.</param>
    /// <exception cref="NabiException">An input does not fit, the graph's shapes depend on data, or the graph updates its parameters.</exception>
    public static Throughput Measure(Session session, IReadOnlyDictionary<string, Tensor> inputs, int streams, int warmup, int runs, TimeProvider clock)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(streams, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(runs, 1);
        var sessions = new Session[streams];
        sessions[0] = session;
        try
        {
            for (var i = 1; i < streams; i++) sessions[i] = session.Share();
            Tensor[] given = [.. session.Graph.Inputs.Select(i => inputs[i.Name])];
            return Measure(sessions, given, warmup, runs, clock);
        }
        finally
        {
            foreach (var shared in sessions.AsSpan(1)) shared?.Dispose();
        }
    }

    private static Throughput Measure(Session[] sessions, Tensor[] given, int warmup, int runs, TimeProvider clock)
    {
        var outputs = Array.ConvertAll(sessions, s => s.OutputsFor(given));
        var ticks = new long[sessions.Length][];
        using var start = new Barrier(sessions.Length + 1);
        var threads = new Thread[sessions.Length];
        for (var stream = 0; stream < threads.Length; stream++)
        {
            var (own, times, results) = (sessions[stream], ticks[stream] = new long[runs], outputs[stream]);
            threads[stream] = new Thread(() =>
            {
                for (var i = 0; i < warmup; i++) own.Run(given, results);
                start.SignalAndWait();
                for (var i = 0; i < runs; i++)
                {
                    var begin = clock.GetTimestamp();
                    own.Run(given, results);
                    times[i] = clock.GetTimestamp() - begin;
                }
            }) { IsBackground = true, Name = $"nabi stream {stream + 1}" };
            threads[stream].Start();
        }
        start.SignalAndWait();
        var first = clock.GetTimestamp();
        foreach (var thread in threads) thread.Join();
        var seconds = clock.GetElapsedTime(first).TotalSeconds;
        var all = ticks.SelectMany(t => t).Order().ToArray();
        return new Throughput(sessions.Length, runs * sessions.Length / seconds, TimeSpan.FromSeconds((double)all[all.Length / 2] / clock.TimestampFrequency));
    }
}
