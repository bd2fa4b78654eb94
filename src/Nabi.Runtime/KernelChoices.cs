using System.Collections.Immutable;
using System.Text.Json;
using Nabi.Runtime.Kernels;
using Nabi.Runtime.Planning;
using Nabi.Runtime.Planning.Lowering;

namespace Nabi.Runtime;

/// <summary>What a kernel of a shape took.</summary>
/// <param name="Kernel">The kernel.</param>
/// <param name="Time">Its fastest run.</param>
public sealed record MeasuredKernel(string Kernel, TimeSpan Time);

/// <summary>A shape that several kernels can compute, measured.</summary>
/// <param name="Shape">Operator and sizes.</param>
/// <param name="Usual">The kernel that plans choose without a measurement.</param>
/// <param name="Kernels">The candidates, fastest first.</param>
public sealed record MeasuredShape(string Shape, string Usual, IReadOnlyList<MeasuredKernel> Kernels);

/// <summary>
/// Which kernel runs where several can, as measured by <see cref="Measure"/> on a processor with so many threads. Plans follow a rule that needs no
/// measurement, so that the same inputs give the same bits everywhere; a session that is given choices follows those. Kernels of one shape differ in
/// rounding.
/// </summary>
public sealed class KernelChoices
{
    private const int Version = 1;
    private const int Repetitions = 5;
    private const int CacheBytes = 64 << 20;   // more than the caches of a core and its share of the last one
    private const long LargestFile = 16 << 20;
    private static readonly TimeSpan Least = TimeSpan.FromMilliseconds(5);
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    private readonly ImmutableSortedDictionary<string, ImmutableSortedDictionary<string, string>> _machines;

    private KernelChoices(ImmutableSortedDictionary<string, ImmutableSortedDictionary<string, string>> machines) => _machines = machines;

    private sealed record Document(int Version, Dictionary<string, Dictionary<string, string>> Machines);

    /// <summary>No choices: every plan follows the rule.</summary>
    public static KernelChoices None { get; } = new(ImmutableSortedDictionary.Create<string, ImmutableSortedDictionary<string, string>>(StringComparer.Ordinal));

    /// <summary>Shapes with a choice, of all processors and numbers of threads.</summary>
    public int Count => _machines.Values.Sum(m => m.Count);

    /// <summary>Reads choices.</summary>
    /// <exception cref="NabiException">The file is missing or not one of choices.</exception>
    public static KernelChoices Read(string path)
    {
        try
        {
            using var file = File.OpenRead(path);
            if (file.Length > LargestFile) throw new NabiException($"'{path}' is too large for a file of kernel choices.");
            var document = JsonSerializer.Deserialize<Document>(file, Json);
            if (document is not { Version: Version, Machines: not null }) throw new NabiException($"'{path}' is not a file of kernel choices, or of another version; measure again.");
            return new KernelChoices(document.Machines.ToImmutableSortedDictionary(
                m => m.Key, m => m.Value.ToImmutableSortedDictionary(StringComparer.Ordinal), StringComparer.Ordinal));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new NabiException($"'{path}' cannot be read: {e.Message}", e);
        }
        catch (Exception e) when (e is JsonException or ArgumentNullException)
        {
            throw new NabiException($"'{path}' is not a file of kernel choices.", e);
        }
    }

    /// <summary>Writes the choices, those of other processors too.</summary>
    /// <exception cref="NabiException">The file cannot be written.</exception>
    public void Write(string path) => AtomicFile.Write(path, stream => JsonSerializer.Serialize(stream,
        new Document(Version, _machines.ToDictionary(m => m.Key, m => m.Value.ToDictionary(StringComparer.Ordinal), StringComparer.Ordinal)), Json));

    /// <summary>Measures every shape of a graph that several kernels can compute and that has no choice yet.</summary>
    /// <param name="graph">The graph; its input shapes must be known.</param>
    /// <param name="options">Options of the sessions that will run it; the number of threads counts.</param>
    /// <param name="clock">The clock.</param>
    /// <returns>These choices and the new ones, and what was measured.</returns>
    /// <exception cref="NabiException">A shape is not known.</exception>
    public (KernelChoices Choices, IReadOnlyList<MeasuredShape> Measured) Measure(Graph graph, SessionOptions options, TimeProvider clock)
    {
        foreach (var input in graph.Inputs)
            if (!input.Shape.IsKnown) throw new NabiException($"Input '{input.Name}' of graph '{graph.Name}' is {input.Type}; fix its shape (for example the batch size) before measuring.");
        var measured = new List<MeasuredShape>();
        using var pool = new WorkPool(options.Threads);
        using var pins = new PinnedTensors();
        var known = Of(options.Threads);
        if (Binding.Bind(graph, [.. graph.Inputs.Select(i => i.Shape)]) is { } bound)
        {
            Planner.Make(bound, options, pins, (shape, candidates) =>
            {
                if (known.TryGetValue(shape, out var chosen)) return chosen;
                MeasuredKernel[] times = [.. candidates.Select(c => new MeasuredKernel(c.Kind, TimeOf(c, pool, clock))).OrderBy(k => k.Time)];
                measured.Add(new MeasuredShape(shape, candidates[0].Kind, times));
                known = known.Add(shape, times[0].Kernel);
                return times[0].Kernel;
            });
        }
        return (new KernelChoices(_machines.SetItem(Machine(options.Threads), known)), measured);
    }

    /// <summary>The choices for this processor with so many threads, by shape.</summary>
    internal ImmutableSortedDictionary<string, string> Of(int threads) =>
        _machines.GetValueOrDefault(Machine(threads)) ?? ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal);

    private static string Machine(int threads) => $"{Latency.ProcessorName}, {Simd.Lanes} lanes, {threads} thread{(threads == 1 ? "" : "s")}";

    // The fastest of at least five runs on zeros, which take as long as any other numbers. As in a network, other data has been through the caches since
    // the weights were read, and the input was written just before.
    private static unsafe TimeSpan TimeOf(ConvKernel kernel, WorkPool pool, TimeProvider clock)
    {
        using var memory = new NativeBlock(sizeof(float) * (kernel.InputSize + kernel.OutputSize + kernel.WeightSize + kernel.PackedSize + kernel.ScratchSize) + 5 * NativeBlock.Alignment);
        using var others = new NativeBlock(CacheBytes);
        var at = memory.Start;
        float* input = Take(kernel.InputSize), output = Take(kernel.OutputSize), weights = Take(kernel.WeightSize), packed = Take(kernel.PackedSize), scratch = Take(kernel.ScratchSize);
        kernel.Pack(pool, weights, packed);
        var (best, all) = (TimeSpan.MaxValue, TimeSpan.Zero);
        for (var run = 0; run <= Repetitions || (all < Least && run < 1000); run++)
        {
            new Span<byte>(others.Start, CacheBytes).Fill((byte)run);
            new Span<float>(input, checked((int)kernel.InputSize)).Clear();
            var start = clock.GetTimestamp();
            kernel.Run(pool, input, packed, output, default, scratch);
            var time = clock.GetElapsedTime(start);
            if (run == 0) continue;   // compiles and touches memory
            all += time;
            if (time < best) best = time;
        }
        return best;

        float* Take(long floats)
        {
            var start = at;
            at += NativeBlock.Align(floats * sizeof(float));
            return (float*)start;
        }
    }
}
