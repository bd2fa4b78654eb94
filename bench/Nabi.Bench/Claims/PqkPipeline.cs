using Nabi.Compression;
using Nabi.Compression.Pipelines;
using Nabi.Compression.Quantization;
using Nabi.Formats;
using Nabi.Training;

namespace Nabi.Bench.Claims;

/// <summary>PQK against its parts: pruning and quantization together without a teacher, and each alone, with equal epochs.</summary>
internal sealed class PqkPipeline : Claim
{
    private const int Epochs = 8;
    private const double Sparsity = 0.9;

    private static readonly TrainingOptions Training = new() { Epochs = 8, LearningRate = 0.02 };

    public override string Name => "pqk";

    public override string Paper => "Kim, Chang and Kwak 2021, PQK";

    public override string Statement => "Weights that were pruned away make a teacher from which the pruned and quantized network learns more than from the labels alone.";

    public override void Run(ClaimRun run)
    {
        var pqk = new Pqk { Sparsity = Sparsity, WeightBits = 4, ActivationBits = 4, PruningEpochs = Epochs / 2, DistillationEpochs = Epochs / 2, Rate = 0.02 };
        (string What, Func<Graph, CompressionContext, Graph> Make)[] ways =
        [
            ("pruning alone", (g, c) => new Compression.Pruning.PruneGradually { Sparsity = Sparsity, Epochs = Epochs, Rate = 0.02, Alpha = 0 }.Apply(g, c)),
            ("4-bit weights and activations alone (lsq)", (g, c) => new TrainQuantized { Epochs = Epochs, Rate = 0.02, Alpha = 0, Decay = 1e-4 }.Apply(g, c)),
            ("both, the second half of the training on labels alone", (g, c) => (pqk with { Alpha = 0 }).Apply(g, c)),
            ("PQK", pqk.Apply),
        ];
        run.Say($"LeNet-5 on Fashion-MNIST, {Training.Epochs} epochs; {Sparsity:P0} of the weights pruned, 4-bit weights and activations (first and last layer 8), {Epochs} epochs each.");
        run.Head("network", "accuracy", ".nabi bytes");
        var dense = run.Seeds.ToDictionary(s => s, s => run.Trained("lenet5", "fashion-mnist", Training with { Seed = s }));
        Row(run, "dense, float", [.. dense.Values]);
        foreach (var (what, make) in ways) Row(run, what, [.. run.Seeds.Select(s => make(dense[s], run.Context("fashion-mnist", s)))]);
    }

    private static void Row(ClaimRun run, string what, Graph[] models) => run.Row(what, ClaimRun.Percent([.. models.Select(m => run.Accuracy(m, "fashion-mnist"))]),
        $"{models.Average(m => NabiFile.Write(m).Length):N0}");
}
