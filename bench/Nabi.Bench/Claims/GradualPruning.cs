using Nabi.Compression.Pruning;
using Nabi.Training;

namespace Nabi.Bench.Claims;

/// <summary>Zhu and Gupta's gradual pruning against pruning at once, with the same training.</summary>
internal sealed class GradualPruning : Claim
{
    private static readonly TrainingOptions Training = new() { Epochs = 6, LearningRate = 0.05 };

    public override string Name => "gradual-pruning";

    public override string Paper => "Zhu and Gupta 2017, To prune, or not to prune, section 3";

    public override string Statement => "Raising sparsity along a cubic while training loses less than pruning at once, the more so the sparser.";

    public override void Run(ClaimRun run)
    {
        run.Say("LeNet-300-100 on MNIST, 6 epochs; then another 6 of the same rate after pruning to the sparsity at once, or while pruning gradually.");
        run.Head("sparsity", "dense", "at once", "gradual");
        foreach (var sparsity in new[] { 0.9, 0.95, 0.98 })
        {
            List<double> dense = [], atOnce = [], gradual = [];
            foreach (var seed in run.Seeds)
            {
                var model = run.Trained("lenet-300-100", "mnist", Training with { Seed = seed });
                var context = run.Context("mnist", seed);
                dense.Add(run.Accuracy(model, "mnist"));
                var tuned = new Compression.Distillation.FineTune { Epochs = 6, Rate = 0.02 }.Apply(new PruneWeights { Sparsity = sparsity }.Apply(model, context), context);
                atOnce.Add(run.Accuracy(tuned, "mnist"));
                gradual.Add(run.Accuracy(new PruneGradually { Sparsity = sparsity, Epochs = 6, Rate = 0.02 }.Apply(model, context), "mnist"));
            }
            run.Row(ClaimRun.Percent(sparsity), ClaimRun.Percent(dense), ClaimRun.Percent(atOnce), ClaimRun.Percent(gradual));
        }
    }
}
