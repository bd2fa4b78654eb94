using System.Globalization;
using Nabi.Compression.Sharing;
using Nabi.Formats;
using Nabi.Training;

namespace Nabi.Bench.Claims;

/// <summary>Pruning and sharing in one training, under a mixture of Gaussians that is learned with the weights.</summary>
internal sealed class SoftWeightSharing : Claim
{
    private const string Network = "lenet-300-100";
    private static readonly TrainingOptions Training = new() { Epochs = 6, LearningRate = 0.05 };
    private static readonly SoftShareWeights Step = new() { Batch = 256 };

    // The authors' first; the others give weights more time and less reason to vanish.
    private static readonly (double ZeroShare, double Tau, double Rate)[] Settings = [(0.99, 0.003, 5e-4), (0.99, 0.01, 2e-3), (0.97, 0.01, 2e-3), (0.9, 0.01, 2e-3)];

    public override string Name => "soft-weight-sharing";

    public override string Paper => "Ullrich, Meeds and Welling 2017, Soft Weight-Sharing for Neural Network Compression, table 1";

    public override string Statement => "A mixture learned as the prior of the weights prunes and shares in one training, with compression like that of the pipeline of Deep Compression at little loss.";

    public override void Run(ClaimRun run)
    {
        run.Say($"{Network} on MNIST, {Training.Epochs} epochs dense at rate {Training.LearningRate}; then {Step.Epochs} epochs under the prior ({Step.Components} components, Adam, batches of {Step.Batch}, no teacher), "
            + "and each weight set to its component's mean. Against it the mixture fitted to the dense weights afterwards (`share-weights` with `gaussian-mixture`), not trained again. Bytes of the fp32 .onnx file and of .nabi files; errors are those of the files read back.");
        run.Head("", "bytes", "smaller", "weights that are not zero", "values", "error");
        var rows = new Dictionary<string, List<Stage>>(StringComparer.Ordinal);
        foreach (var seed in run.Seeds)
        {
            foreach (var stage in Stages(run, seed))
            {
                if (!rows.TryGetValue(stage.Name, out var stages)) rows[stage.Name] = stages = [];
                stages.Add(stage);
                ClaimRun.Progress($"seed {seed}: {stage}");
            }
        }
        var dense = rows["dense"].Average(s => s.Bytes);
        foreach (var (name, stages) in rows)
        {
            run.Row(name, stages.Average(s => s.Bytes).ToString("N0", CultureInfo.InvariantCulture), ClaimRun.Times(dense / stages.Average(s => s.Bytes)),
                ClaimRun.Percent(stages.Average(s => s.Density)), stages.Average(s => s.Values).ToString("N0", CultureInfo.InvariantCulture), ClaimRun.Percent([.. stages.Select(s => s.Error)]));
        }
    }

    private static IEnumerable<Stage> Stages(ClaimRun run, ulong seed)
    {
        var dense = run.Trained(Network, "mnist", Training with { Seed = seed });
        var context = run.Context("mnist", seed);
        yield return Of("dense", dense, ".onnx");
        yield return Of("mixture fitted afterwards", new ShareWeights { Method = "gaussian-mixture", Bits = 4, Epochs = 0 }.Apply(dense, context), "-fitted.nabi");
        foreach (var (zeroShare, tau, rate) in Settings)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"learned with the weights, pi_0 {zeroShare}, tau {tau}, rate {rate}");
            yield return Of(name, (Step with { ZeroShare = zeroShare, Tau = tau, Rate = rate }).Apply(dense, context), ".nabi");
        }

        // What counts is what the file gives back.
        Stage Of(string name, Graph graph, string ending)
        {
            var path = Path.Combine(Repository.Root, "bench", "out", $"{Network}-soft-{seed}{ending}");
            ModelFile.Write(graph, path);
            var weights = graph.Nodes.Where(n => n.Op is Ops.Codebook)
                .SelectMany(n => ReferenceEvaluator.Evaluate(n, [n.Inputs[0]!.Data, n.Inputs[1]!.Data], new Rng(0))[0].ToSingle()).ToArray();
            return new Stage(name, new FileInfo(path).Length, weights.Length == 0 ? 1 : weights.Count(w => w != 0) / (double)weights.Length,
                weights.Distinct().Count(), 1 - run.Accuracy(ModelFile.Read(path), "mnist"));
        }
    }

    private sealed record Stage(string Name, long Bytes, double Density, double Values, double Error);
}
