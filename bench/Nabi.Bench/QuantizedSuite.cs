using Nabi.Compression;
using Nabi.Compression.Quantization;
using Nabi.Models;
using Nabi.Runtime;
using Nabi.Training.Data;

namespace Nabi.Bench;

/// <summary>Networks of the zoo in floats and quantized after the fact, run in turn in one process, batch 1, the paper's size.</summary>
/// <remarks>The weights are as initialised and the calibration samples are noise: time does not depend on them.</remarks>
internal static class QuantizedSuite
{
    private const int Warmup = 3, Runs = 41, Samples = 2;

    /// <summary>Measures and prints; with <c>per-layer</c> among the words also the steps of the int8 plan.</summary>
    public static void Run(ReadOnlySpan<string> words)
    {
        var threads = words is [var first, ..] && int.TryParse(first, out var n) ? n : 1;
        var perLayer = words.Contains("per-layer");
        Console.WriteLine($"{Latency.ProcessorName}, {threads} thread(s), {Runs} runs in turn; milliseconds, fastest and median");
        Console.WriteLine($"{"network",-24}{"float",10}{"median",10}{"int8",10}{"median",10}{"ratio",8}{"fastest",9}");
        foreach (var word in words)
            if (word != "per-layer" && !int.TryParse(word, out _)) Measure(word, threads, perLayer);
    }

    private static void Measure(string name, int threads, bool perLayer)
    {
        var floats = Zoo.Find(name).Create(new ModelOptions { Seed = 1 });
        var noise = Noise(floats.Inputs[0].Shape);
        var integers = new QuantizeInt8 { Observer = "min-max", Samples = Samples, BiasCorrection = false }
            .Apply(floats, new CompressionContext { Validation = noise, BatchSize = Samples, Threads = threads });
        Graph[] graphs = [floats.WithBatch(1), integers.WithBatch(1)];
        var sessions = Array.ConvertAll(graphs, g => new Session(g, new SessionOptions { Threads = threads }));
        var feeds = Array.ConvertAll(graphs, g => (IReadOnlyDictionary<string, Tensor>)g.Inputs.ToDictionary(i => i.Name, i => Tensor.Zeros(i.DType, i.Shape)));
        var times = Latency.MeasureInTurn(sessions, feeds, Warmup, Runs, TimeProvider.System);
        double Ms(TimeSpan t) => t.TotalMilliseconds;
        Console.WriteLine($"{name,-24}{Ms(times[0].Minimum),10:F3}{Ms(times[0].Median),10:F3}{Ms(times[1].Minimum),10:F3}{Ms(times[1].Median),10:F3}"
            + $"{times[0].Median / times[1].Median,8:F2}{times[0].Minimum / times[1].Minimum,9:F2}");
        if (perLayer) Console.WriteLine(sessions[1].Profile(feeds[1], Runs, TimeProvider.System));
        foreach (var session in sessions) session.Dispose();
    }

    private static DataSet Noise(Shape input)
    {
        var (rng, sample) = (new Rng(3), Shape.Create(input.Dims[1..]));
        var values = new float[Samples * sample.Count];
        foreach (ref var x in values.AsSpan()) x = (float)rng.NextGaussian();
        return DataSet.Of("noise", sample, values, new int[Samples], ["any"]);
    }
}
