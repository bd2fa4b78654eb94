using Nabi.Models;
using Nabi.Runtime;
using Nabi.Training;

namespace Nabi.Bench;

/// <summary>One training step of a network of the zoo, and its inference.</summary>
internal static class TrainingStepSuite
{
    private const int Runs = 15;

    /// <summary>Measures and prints.</summary>
    /// <param name="network">A name of the zoo.</param>
    /// <param name="options">Its size.</param>
    /// <param name="threads">Threads of the session.</param>
    /// <param name="batch">Samples per step.</param>
    /// <param name="recompute">Compute activations again instead of keeping them?</param>
    /// <param name="perStep">Print every step of the plan too?</param>
    public static void Run(string network, ModelOptions options, int threads, int batch, bool recompute, bool perStep)
    {
        var model = Zoo.Find(network).Create(options);
        Measure("train", TrainingStep.Build(model, new TrainingOptions { BatchSize = batch, Recompute = recompute }).Graph, threads, batch, perStep);
        Measure("infer", model.WithBatch(batch), threads, batch, perStep);
        if (batch > 1) Measure("infer", model.WithBatch(1), threads, 1, perStep: false);
    }

    private static void Measure(string name, Graph graph, int threads, int batch, bool perStep)
    {
        using var session = new Session(graph, new SessionOptions { Threads = threads });
        var feed = graph.Inputs.ToDictionary(i => i.Name, Filled);
        for (var i = 0; i < 5; i++) session.Run(feed);
        var seconds = new double[Runs];
        for (var i = 0; i < Runs; i++)
        {
            var start = TimeProvider.System.GetTimestamp();
            session.Run(feed);
            seconds[i] = TimeProvider.System.GetElapsedTime(start).TotalSeconds;
        }
        Array.Sort(seconds);
        var plan = session.Plan!;
        var flops = plan.Steps.Sum(s => 2.0 * s.Macs);
        var median = seconds[Runs / 2];
        Console.WriteLine($"{name} batch {batch}: {median * 1e3:F2} ms, {flops / median / 1e9:F1} GFLOP/s, {batch / median:F0} samples/s, {plan.Steps.Count} steps, arena {plan.ArenaBytes >> 10} KiB (peak live {plan.PeakLiveBytes >> 10} KiB), reference: {string.Join(' ', plan.ReferenceKernels)}");
        if (perStep) Console.WriteLine(session.Profile(feed, Runs, TimeProvider.System));
    }

    private static Tensor Filled(Value input)
    {
        if (input.DType == DType.Int64) return Tensor.Zeros(DType.Int64, input.Shape);
        var rng = new Rng(1);
        var tensor = Tensor.Empty(DType.Float32, input.Shape);
        foreach (ref var e in tensor.Span<float>()) e = input.Shape.Rank == 0 ? 0.01f : (float)rng.NextGaussian();
        return tensor;
    }
}
