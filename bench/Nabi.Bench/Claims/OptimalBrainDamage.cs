using Nabi.Compression.Pruning;
using Nabi.Training;
using Nabi.Training.Data;

namespace Nabi.Bench.Claims;

/// <summary>Optimal Brain Damage against magnitude and chance, without any training afterwards.</summary>
internal sealed class OptimalBrainDamage : Claim
{
    private static readonly TrainingOptions Adam = new() { Epochs = 6, LearningRate = 0.001, Optimizer = new Adam(), Normalization = Normalization.None(1) };
    private static readonly TrainingOptions Sgd = new() { Epochs = 6, LearningRate = 0.05, Normalization = Normalization.None(1) };
    private static readonly double[] Sparsities = [0.5, 0.7, 0.8, 0.9, 0.95];

    // A criterion and the rounds it scores anew in.
    private static readonly (string Criterion, int Rounds)[] Columns = [("random", 1), ("magnitude", 1), ("taylor", 10), ("obd", 1), ("obd", 10)];

    public override string Name => "optimal-brain-damage";

    public override string Paper => "LeCun, Denker and Solla 1990, Optimal Brain Damage, section 3";

    public override string Statement => "Deleting weights by their second-order saliency raises the error less than deleting them by magnitude, without training after the deletion.";

    public override void Run(ClaimRun run)
    {
        run.Say("LeNet-300-100 on MNIST (pixels 0 to 1), 6 epochs; accuracy on the test samples after deleting weights of the whole network, without any training afterwards. "
            + "A criterion \"in 10\" scores anew after each of ten rounds. Second derivatives from 1024 training samples, 8 directions per batch.");
        Table(run, "Trained by Adam, weights ranked over the whole network:", Adam, "global");
        Table(run, "Trained by Adam, weights ranked within their layer:", Adam, "layer");
        Table(run, "Trained by SGD with momentum and weight decay, which make small what matters little, over the whole network:", Sgd, "global");
        Table(run, "Trained by SGD, within the layer:", Sgd, "layer");
    }

    private static void Table(ClaimRun run, string title, TrainingOptions training, string scope)
    {
        run.Say("");
        run.Say(title);
        run.Head(["sparsity", .. Columns.Select(c => c.Rounds == 1 ? c.Criterion : $"{c.Criterion} in {c.Rounds}")]);
        foreach (var sparsity in Sparsities)
        {
            var found = Columns.Select(c => run.Seeds.Select(seed =>
            {
                var model = run.Trained("lenet-300-100", "mnist", training with { Seed = seed });
                var step = new PruneWeights { Sparsity = sparsity, Scope = scope, Criterion = c.Criterion, Rounds = c.Rounds, Samples = 1024 };
                return run.Accuracy(step.Apply(model, run.Context("mnist", seed)), "mnist");
            }).ToArray());
            ClaimRun.Progress($"{title} {sparsity}");
            run.Row([ClaimRun.Percent(sparsity), .. found.Select(ClaimRun.Percent)]);
        }
    }
}
