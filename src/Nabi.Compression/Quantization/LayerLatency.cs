using Nabi.Runtime;

namespace Nabi.Compression.Quantization;

/// <summary>
/// What each layer's kernel takes at each number of bits, measured on this machine as HAWQ-V3 does on its own (Yao et al. 2021, section 3.4): the steps of the whole
/// network in this many bits are timed one by one for one sample, so that a layer is measured with its fused neighbours and with caches as they are.
/// </summary>
/// <remarks>
/// Sums over layers leave out what lies between them: additions, pooling, and the conversion where a float layer meets an integer one. So a sum is a
/// prediction, and what was allocated by it is measured as a whole afterwards.
/// </remarks>
internal static class LayerLatency
{
    private const int Warmup = 5;
    private const int Rounds = 7;
    private const int Runs = 5;

    /// <summary>Nanoseconds of each layer at each number of bits.</summary>
    /// <param name="prepared">The network, all weights at the most bits.</param>
    /// <param name="bits">The numbers of bits; <see cref="Quantize.FloatBits"/> is the float network.</param>
    /// <param name="context">Threads and clock.</param>
    /// <returns>A row per layer, a column per number of bits.</returns>
    public static long[][] Measure(QuantizationPreparation prepared, IReadOnlyList<int> bits, CompressionContext context)
    {
        Session[] sessions = [.. bits.Select(b => new Session(AllAt(prepared, b).WithBatch(1), new SessionOptions { Threads = context.Threads }))];
        try
        {
            var times = prepared.Layers.Select(_ => Enumerable.Repeat(long.MaxValue, bits.Count).ToArray()).ToArray();
            // In turn, and the least median of several: what slows the machine down for a while shall not decide between them.
            for (var round = 0; round < Rounds; round++)
            {
                for (var choice = 0; choice < sessions.Length; choice++)
                {
                    context.Report($"timing layers in {bits[choice]} bits", (double)round / Rounds);
                    if (round == 0) Profile(sessions[choice], Warmup, context.Clock);
                    var profile = Profile(sessions[choice], Runs, context.Clock);
                    for (var layer = 0; layer < times.Length; layer++)
                        times[layer][choice] = Math.Min(times[layer][choice], Of(profile, prepared.Layers[layer].Name));
                }
            }
            return times;
        }
        finally
        {
            foreach (var session in sessions) session.Dispose();
        }
    }

    /// <summary>The latency of one sample, of several networks in turn.</summary>
    public static IReadOnlyList<Latency> Whole(IReadOnlyList<Graph> graphs, CompressionContext context)
    {
        Session[] sessions = [.. graphs.Select(g => new Session(g.WithBatch(1), new SessionOptions { Threads = context.Threads }))];
        try
        {
            return Latency.MeasureInTurn(sessions, [.. sessions.Select(Zeros)], Warmup, Rounds * Runs, context.Clock);
        }
        finally
        {
            foreach (var session in sessions) session.Dispose();
        }
    }

    private static Graph AllAt(QuantizationPreparation prepared, int bits)
    {
        if (bits == Quantize.FloatBits) return prepared.Folded;
        var all = prepared.Layers.ToDictionary(l => l.Name, _ => bits, StringComparer.Ordinal);
        return Integers.Pass.Apply(prepared.With(prepared.Settings with { LayerBits = all }).Fake);
    }

    private static SessionProfile Profile(Session session, int runs, TimeProvider clock) => session.Profile(Zeros(session), runs, clock);

    private static Dictionary<string, Tensor> Zeros(Session session) =>
        session.Graph.Inputs.ToDictionary(i => i.Name, i => Tensor.Zeros(i.DType, i.Shape), StringComparer.Ordinal);

    // A step is named after the nodes it does, joined by '+'.
    private static long Of(SessionProfile profile, string layer) =>
        (long)profile.Steps.Where(s => s.Step.Name.Split('+').Contains(layer)).Sum(s => s.Median.TotalNanoseconds);
}
