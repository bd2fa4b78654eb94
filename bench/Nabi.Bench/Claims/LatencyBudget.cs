using System.Globalization;
using Nabi.Compression;
using Nabi.Compression.Quantization;
using Nabi.Runtime;
using Nabi.Training;

namespace Nabi.Bench.Claims;

/// <summary>Integers and floats chosen layer by layer within a measured time.</summary>
internal sealed class LatencyBudget : Claim
{
    private const string Data = "fashion-mnist";
    private static readonly TrainingOptions Training = new() { Epochs = 2, BatchSize = 128, LearningRate = 0.1 };
    private static readonly double[] Limits = [1, 0.9, 0.8, 0.7, 0.6];

    public override string Name => "latency-budget";

    public override string Paper => "Yao et al. 2021, HAWQ-V3, section 3.4 and table 2";

    public override string Statement => "Bits allocated under a latency measured layer by layer meet it, with less noise than the least bits everywhere.";

    public override void Run(ClaimRun run)
    {
        run.Say("MobileNet v1 at a quarter of its width on Fashion-MNIST, 2 epochs; `mixed-precision` with `budget: latency`, 8 bits or float for each layer, damage by the noise at the output on 128 samples. "
            + "Limits are parts of the layers' time in float, for one image; the whole network's time is measured in turn with the float one, ratio of medians.");
        run.Head("limit", "integer layers", "layers, of float", "whole network, of float", "SQNR of the output", "accuracy");
        foreach (var limit in Limits) Measure(run, $"{limit.ToString("F1", CultureInfo.InvariantCulture)}", new MixedPrecision { Budget = "latency", Latency = limit, Choices = ["8", "32"], Samples = 128 });
        Measure(run, "all in 8 bits", new Quantize { Samples = 128 });
    }

    private static void Measure(ClaimRun run, string limit, CompressionStep step)
    {
        List<double> accuracy = [], whole = [], noise = [], layers = [], integers = [];
        foreach (var seed in run.Seeds)
        {
            var model = run.Trained("mobilenet-v1", Data, Training with { Seed = seed }, 0.25);
            var context = run.Context(Data, seed);
            var mixed = step.Apply(model, context);
            accuracy.Add(run.Accuracy(mixed, Data));
            integers.Add(mixed.Nodes.Count(n => n.Inputs.Count > 1 && n.Inputs[1]?.Producer is { Op: Ops.DequantizeLinear } && n.Op is Ops.Conv or Ops.Gemm));
            whole.Add(Share(model, mixed, run.Threads));
            noise.Add(context.Notes.Layers[^1].Sqnr);
            if (context.Notes.Lines.FirstOrDefault(l => l.Contains("measured one by one", StringComparison.Ordinal)) is { } line) layers.Add(Predicted(line));
        }
        run.Row(limit, $"{integers.Average():F0}", layers.Count == 0 ? "" : ClaimRun.Percent(layers.Average()), ClaimRun.Percent(whole.Average()), string.Create(CultureInfo.InvariantCulture, $"{noise.Average():F1} dB"), ClaimRun.Percent(accuracy));
    }

    // "... layers take A us of B us in float, ..."
    private static double Predicted(string line)
    {
        var words = line.Split(' ');
        var numbers = words.Where((_, i) => i + 1 < words.Length && words[i + 1] == "us").Select(w => double.Parse(w, CultureInfo.InvariantCulture)).ToArray();
        return numbers[0] / numbers[1];
    }

    private static double Share(Graph before, Graph after, int threads)
    {
        using Session slow = new(before.WithBatch(1), new SessionOptions { Threads = threads }), fast = new(after.WithBatch(1), new SessionOptions { Threads = threads });
        var inputs = slow.Graph.Inputs.ToDictionary(i => i.Name, i => Tensor.Full(i.Shape, 0.5f), StringComparer.Ordinal);
        var times = Latency.MeasureInTurn([slow, fast], [inputs, inputs], 50, 500, TimeProvider.System);
        return times[1].Median / times[0].Median;
    }
}
