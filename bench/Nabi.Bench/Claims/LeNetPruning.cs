using Nabi.Compression.Pruning;
using Nabi.Training;

namespace Nabi.Bench.Claims;

/// <summary>Han et al.'s twelvefold pruning of the two LeNets.</summary>
internal sealed class LeNetPruning : Claim
{
    private static readonly TrainingOptions Training = new() { Epochs = 12, LearningRate = 0.05 };

    public override string Name => "lenet-pruning";

    public override string Paper => "Han et al. 2015, Learning both Weights and Connections for Efficient Neural Networks, tables 1, 3 and 4";

    public override string Statement => "LeNet-300-100 and LeNet-5 keep their accuracy on MNIST with 12 times fewer parameters (98.36 to 98.41 % and 99.20 to 99.23 %).";

    public override void Run(ClaimRun run)
    {
        run.Say("12 epochs dense; then gradual pruning in one training of 20 epochs, distilled from the dense network. Parameters are all numbers that are not zero, biases included.");
        run.Head("network", "dense", "pruned", "parameters", "of them left", "fewer");
        foreach (var (network, sparsity) in new[] { ("lenet-300-100", 0.922), ("lenet-300-100", 0.95), ("lenet5", 0.922), ("lenet5", 0.97) })
        {
            List<double> dense = [], pruned = [];
            var (before, after) = (0L, 0L);
            foreach (var seed in run.Seeds)
            {
                var model = run.Trained(network, "mnist", Training with { Seed = seed });
                var small = new PruneGradually { Sparsity = sparsity, Epochs = 20, Rate = 0.05 }.Apply(model, run.Context("mnist", seed, teacher: model));
                dense.Add(run.Accuracy(model, "mnist"));
                pruned.Add(run.Accuracy(small, "mnist"));
                before = Living(model);
                after = Living(small);
            }
            run.Row($"{network}, sparsity {ClaimRun.Percent(sparsity)}", ClaimRun.Percent(dense), ClaimRun.Percent(pruned), $"{before:N0}", $"{after:N0}", ClaimRun.Times((double)before / after));
        }
    }

    private static long Living(Graph model) => model.Parameters.Where(p => p.IsTrainable).Sum(p => p.Data!.ToSingle().LongCount(w => w != 0));
}
