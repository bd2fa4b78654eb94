using Nabi.Compression.Pruning;
using Nabi.Training;
using Nabi.Training.Data.Augmentations;

namespace Nabi.Bench.Claims;

/// <summary>Han et al.'s twelvefold pruning of a LeNet, in one training after the dense one; both see the same images.</summary>
internal abstract class LeNetPruning : Claim
{
    public override string Paper => "Han et al. 2015, Learning both Weights and Connections for Efficient Neural Networks, table 1";

    /// <summary>The network's name in the zoo.</summary>
    protected abstract string Network { get; }

    /// <summary>How the dense network is trained.</summary>
    protected abstract TrainingOptions Training { get; }

    /// <summary>How it is pruned.</summary>
    protected abstract PruneGradually Step { get; }

    /// <summary>What is tried: the sparsity of the weights, and by how many pixels images are shifted at random in both trainings.</summary>
    protected abstract IReadOnlyList<(double Sparsity, int Shift)> Rows { get; }

    public override void Run(ClaimRun run)
    {
        run.Say($"{Network} on MNIST: {Training.Epochs} epochs dense at rate {Training.LearningRate}; then pruned gradually in one training of {Step.Epochs} epochs at rate {Step.Rate}, "
            + $"distilled from the dense network (alpha {Step.Alpha}, temperature {Step.Temperature}). Parameters are all numbers that are not zero, biases included.");
        run.Head("sparsity of the weights, images", "dense", "pruned", "parameters", "of them left", "fewer");
        foreach (var (sparsity, shift) in Rows)
        {
            List<double> dense = [], pruned = [];
            var (before, after) = (0L, 0L);
            foreach (var seed in run.Seeds)
            {
                var model = run.Trained(Network, "mnist", Training with { Seed = seed, Augmentations = shift > 0 ? [new RandomCrop(shift)] : [] });
                var small = (Step with { Sparsity = sparsity, Crop = shift }).Apply(model, run.Context("mnist", seed, teacher: model));
                dense.Add(run.Accuracy(model, "mnist"));
                pruned.Add(run.Accuracy(small, "mnist"));
                ClaimRun.Progress($"seed {seed}: {dense[^1]:P2} to {pruned[^1]:P2}");
                (before, after) = (Living(model), Living(small));
            }
            run.Row($"{ClaimRun.Percent(sparsity)}, {(shift > 0 ? $"shifted by up to {shift} pixels" : "as they are")}", ClaimRun.Percent(dense), ClaimRun.Percent(pruned),
                $"{before:N0}", $"{after:N0}", ClaimRun.Times((double)before / after));
        }
    }

    private static long Living(Graph model) => model.Parameters.Where(p => p.IsTrainable).Sum(p => p.Data!.ToSingle().LongCount(w => w != 0));
}
