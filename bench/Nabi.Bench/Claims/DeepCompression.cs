using System.Globalization;
using Nabi.Compression.Pruning;
using Nabi.Compression.Recipes;
using Nabi.Compression.Sharing;
using Nabi.Formats;
using Nabi.Training;

namespace Nabi.Bench.Claims;

/// <summary>Pruning, sharing and coding together, measured on the file.</summary>
internal abstract class DeepCompression(string network, int stated) : Claim
{
    private static readonly TrainingOptions Training = new() { Epochs = 6, LearningRate = 0.05 };

    public sealed override string Name => $"deep-compression-{network}";

    public sealed override string Paper => "Han, Mao and Dally 2016, Deep Compression, tables 1 to 3";

    public sealed override string Statement => $"{network} becomes {stated} times smaller without loss of accuracy: pruned 12 times, then shared, then coded.";

    public sealed override void Run(ClaimRun run)
    {
        run.Say("The recipe `deep-compression` with the dense network as teacher, on MNIST. Dense bytes are those of the fp32 .onnx file, the others those of .nabi files; errors are those of the files read back.");
        run.Head(network, "bytes", "smaller", "weights that are not zero", "error", "errors of the seeds");
        var rows = new Dictionary<string, List<Stage>>(StringComparer.Ordinal);
        foreach (var seed in run.Seeds)
        {
            foreach (var stage in Stages(run, network, seed))
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
                ClaimRun.Percent(stages.Average(s => s.Density)), ClaimRun.Percent([.. stages.Select(s => 1 - s.Accuracy)]),
                string.Join(", ", stages.Select(s => ClaimRun.Percent(1 - s.Accuracy))));
        }
    }

    private static IEnumerable<Stage> Stages(ClaimRun run, string network, ulong seed)
    {
        var dense = run.Trained(network, "mnist", Training with { Seed = seed });
        var context = run.Context("mnist", seed, dense);
        var steps = RecipeFile.Load("deep-compression").Steps;
        var path = Path.Combine(Repository.Root, "bench", "out", $"deep-compression-{network}-{seed}");
        yield return Of("dense", dense, $"{path}.onnx", 1);
        var pruned = steps.TakeWhile(s => s is not ShareWeights).Aggregate(Recipe.Create("prune"), (r, s) => r.Then(s)).Run(dense, context);
        var density = 1 - SparsityMasks.SparsityOf(pruned);
        yield return Of("pruned", pruned, $"{path}-pruned.nabi", density);
        var sharing = (ShareWeights)steps.First(s => s is ShareWeights);
        yield return Of("shared, not trained again", (sharing with { Epochs = 0 }).Apply(pruned, context), $"{path}-untrained.nabi", density);
        var shared = steps.SkipWhile(s => s is not ShareWeights).Aggregate(Recipe.Create("share"), (r, s) => r.Then(s)).Run(pruned, context);
        yield return Of("shared, trained and coded", shared, $"{path}.nabi", density);

        // What counts is what the file gives back.
        Stage Of(string name, Graph graph, string file, double left)
        {
            ModelFile.Write(graph, file);
            return new Stage(name, new FileInfo(file).Length, left, run.Accuracy(ModelFile.Read(file), "mnist"));
        }
    }

    private sealed record Stage(string Name, long Bytes, double Density, double Accuracy);
}

/// <summary>The fully connected network.</summary>
internal sealed class DeepCompressionOfLeNet300() : DeepCompression("lenet-300-100", 40);

/// <summary>The convolutional network.</summary>
internal sealed class DeepCompressionOfLeNet5() : DeepCompression("lenet5", 39);
