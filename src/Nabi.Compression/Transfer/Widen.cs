using Nabi.Compression.Quantization;
using Nabi.Compression.Recipes;
using Nabi.Runtime;

namespace Nabi.Compression.Transfer;

/// <summary>
/// Net2WiderNet: Chen, Goodfellow and Shlens 2016, "Net2Net: Accelerating Learning via Knowledge Transfer", section 2.2, algorithm 1. A network is made wider and
/// computes what it did, so that a larger one need not learn from nothing: channels drawn at random are copied, and the weights that read them are divided by
/// the number of copies. Channels that hang together (<see cref="ChannelGroups"/>) are copied together.
/// </summary>
/// <remarks>Where copies would change the function (attention's products, means over channels) the group stays as it is, and the notes say so.</remarks>
public sealed record Widen : CompressionStep
{
    private const double Rounding = 1e-3;

    /// <summary>Channels afterwards per channel now. Default 1.5. Range 1 to 16.</summary>
    public double Factor { get; init; } = 1.5;

    /// <summary>
    /// Deviation of the noise on copied weights, relative to the deviation of their tensor (section 2.4): copies that are equal, and read by equal
    /// weights, stay equal when training draws nothing at random; 0.05 lets them part. Default 0: the function is kept to rounding. Range 0 to 1.
    /// </summary>
    public double Noise { get; init; }

    /// <summary>Names of the groups to widen, those that <c>nabi inspect</c> shows; all when empty. Default empty.</summary>
    public ValueArray<string> Groups { get; init; } = [];

    /// <inheritdoc/>
    public override string? Fault => OutOfRange("factor", Factor, 1, 16) ?? OutOfRange("noise", Noise, 0, 1);

    /// <inheritdoc/>
    public override Graph Apply(Graph graph, CompressionContext context)
    {
        var groups = ChannelGroups.Of(graph);
        foreach (var name in Groups)
            if (groups.All(g => g.Name != name)) throw new NabiException($"there is no channel group '{name}'; there are {string.Join(", ", groups.Select(g => g.Name))}");
        var rng = context.RngFor(0x51DE);
        var copies = groups.Where(g => Groups.IsEmpty || Groups.Contains(g.Name)).ToDictionary(g => g.Index, g => Copies(g.Count, rng));
        var probe = new Probe(graph, context);
        if (!probe.IsKept(groups.Widen(copies)))
        {
            foreach (var index in copies.Keys.ToArray())
            {
                context.Report($"comparing {groups[index].Name}");
                if (probe.IsKept(groups.Widen(new Dictionary<int, IReadOnlyList<int>> { [index] = copies[index] }))) continue;
                copies.Remove(index);
                context.Notes.Add($"{Name}: {groups[index].Name} stays as it is: copies of its channels would change the function.");
            }
        }
        var wide = groups.Widen(copies);
        if (!probe.IsKept(wide)) throw new NabiException("the network does not compute the same with copied channels");
        context.Notes.Add($"{Name}: {copies.Count} of {groups.Count} channel groups widened by {Factor}, {graph.ParameterCount:N0} to {wide.ParameterCount:N0} parameters.");
        return Noise > 0 ? Shaken(graph, wide, rng) : wide;
    }

    // How often each channel is there: once, and once more for each time it is drawn.
    private IReadOnlyList<int> Copies(int channels, Rng rng)
    {
        var copies = new int[channels];
        Array.Fill(copies, 1);
        for (var i = (int)Math.Round(channels * Factor) - channels; i > 0; i--) copies[rng.Next(channels)]++;
        return copies;
    }

    // Noise on the weights of what became wider; not on biases and normalizations.
    private Graph Shaken(Graph narrow, Graph wide, Rng rng)
    {
        var tensors = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        foreach (var p in wide.Parameters.Where(p => p is { IsTrainable: true, DType: DType.Float32, Shape.Rank: >= 2 } && !narrow.Parameter(p.Name)!.Shape.Equals(p.Shape)))
        {
            var tensor = p.Data!.Copy();
            var deviation = Math.Sqrt(tensor.ToSingle().Average(w => (double)w * w));
            foreach (ref var w in tensor.Span<float>()) w += (float)(Noise * deviation * rng.NextGaussian());
            tensors[p.Name] = tensor;
        }
        return wide.WithParameters(tensors);
    }

    /// <summary>What the network computes for a few samples, to compare others with.</summary>
    private sealed class Probe
    {
        private readonly CompressionContext _context;
        private readonly Tensor _samples;
        private readonly float[] _expected;

        public Probe(Graph graph, CompressionContext context)
        {
            _context = context;
            _samples = CalibrationBatches.Of(graph, context, 16).Epoch(0).First().Inputs.Copy();
            _expected = Run(graph);
        }

        /// <summary>Does another network compute the same, to rounding?</summary>
        public bool IsKept(Graph other)
        {
            var actual = Run(other);
            var largest = _expected.Max(Math.Abs) + 1e-6;
            for (var i = 0; i < actual.Length; i++)
                if (!(Math.Abs(actual[i] - _expected[i]) <= Rounding * largest)) return false;
            return true;
        }

        private float[] Run(Graph graph)
        {
            using var session = new Session(graph.WithBatch(_samples.Shape[0]), new SessionOptions { Threads = _context.Threads });
            return session.Run(new Dictionary<string, Tensor>(StringComparer.Ordinal) { [graph.Inputs[0].Name] = _samples })[graph.Outputs[0].Name].ToSingle();
        }
    }
}

/// <summary>The step in fluent recipes.</summary>
public static class WidenRecipe
{
    /// <summary>Makes the network wider without changing what it computes; see <see cref="Transfer.Widen"/>.</summary>
    public static Recipe Widen(this Recipe recipe, Func<Widen, Widen>? settings = null) => recipe.Then(settings?.Invoke(new Widen()) ?? new Widen());
}
