using Nabi.Compression;
using Nabi.Compression.Quantization.Binary;
using Nabi.Formats;
using Nabi.Training;

namespace Nabi.Bench.Claims;

/// <summary>Binary and ternary networks beside the float one they start from: accuracy and bytes.</summary>
internal abstract class BinaryNetworksClaim : Claim
{
    public override string Paper => "Courbariaux et al. 2015, Hubara et al. 2016, Rastegari et al. 2016 (section 4), Li et al. 2016, Wan et al. 2018 (table 2)";

    public override string Statement => "Binary weights take 32 times fewer bytes than float ones; XNOR-Net loses less than BNN, TBN less than XNOR-Net, and weights alone the least.";

    protected static void Table(ClaimRun run, string title, string data, Func<ulong, Graph> baseline, TrainBinary step, params ReadOnlySpan<string> methods)
    {
        run.Say($"{title}. Every method trains the float network {step.Epochs} epochs further, with it as the teacher; first and last layers stay in float. Bytes are those of the .nabi file.");
        run.Head("method", "accuracy", "bytes of the file", "smaller", "bits of a binary weight");
        Row(run, data, "float", baseline, (graph, _) => graph);
        foreach (var method in methods)
            Row(run, data, method, baseline, (graph, context) => (step with { Method = method }).Apply(graph, context));
        Row(run, data, "xnor-net with K of equation 11", baseline, (graph, context) => (step with { InputScaling = true }).Apply(graph, context));
    }

    private static void Row(ClaimRun run, string data, string name, Func<ulong, Graph> baseline, Func<Graph, CompressionContext, Graph> apply)
    {
        var (accuracies, bytes, dense, bits) = (new List<double>(), 0L, 0L, double.NaN);
        foreach (var seed in run.Seeds)
        {
            var model = baseline(seed);
            ClaimRun.Progress($"{name}, seed {seed}");
            var made = apply(model, run.Context(data, seed, model));
            accuracies.Add(run.Accuracy(made, data));
            (bytes, dense, bits) = (SizeOf(made), SizeOf(model), BitsOf(made));
        }
        run.Row(name, ClaimRun.Percent(accuracies), bytes.ToString("N0"), ClaimRun.Times((double)dense / bytes), double.IsNaN(bits) ? "" : bits.ToString("F2"));
    }

    private static long SizeOf(Graph graph)
    {
        var path = Path.GetTempFileName();
        try
        {
            NabiFile.Write(graph, path);
            return new FileInfo(path).Length;
        }
        finally
        {
            File.Delete(path);
        }
    }

    // What the file grows by with the stored signs, over their number: the same network without a weight's bytes is one whose signs are all equal.
    private static double BitsOf(Graph graph)
    {
        var signs = graph.Parameters.Where(p => p.Data is { DType: DType.Int8 }).ToArray();
        if (signs.Length == 0) return double.NaN;
        var empty = graph.WithParameters(signs.ToDictionary(p => p.Name, p => Tensor.Zeros(DType.Int8, p.Shape), StringComparer.Ordinal));
        return 8.0 * (SizeOf(graph) - SizeOf(empty)) / signs.Sum(p => p.Data!.Count);
    }
}

/// <summary>On MNIST, all methods.</summary>
internal sealed class XnorNetClaim : BinaryNetworksClaim
{
    public override string Name => "xnor-net";

    public override void Run(ClaimRun run) =>
        Table(run, "LeNet-5 on MNIST", "mnist", seed => run.Trained("lenet5", "mnist", new TrainingOptions { Epochs = 3, LearningRate = 0.02, Seed = seed }),
            new TrainBinary { Epochs = 3, Batch = 64 }, "twn", "binary-connect", "stochastic-connect", "bnn", "xnor-net", "tbn");
}

/// <summary>On CIFAR-10, the methods with binary or ternary activations.</summary>
internal sealed class XnorNetCifarClaim : BinaryNetworksClaim
{
    public override string Name => "xnor-net-cifar10";

    public override void Run(ClaimRun run) =>
        Table(run, "ResNet-8 on CIFAR-10", "cifar10", _ => Cifar10.Baseline(run, "resnet8", 40),
            new TrainBinary { Epochs = 5, Batch = 128, Rate = 2e-3, Crop = 4, Flip = true }, "twn", "bnn", "xnor-net", "tbn");
}
