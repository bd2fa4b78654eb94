using Nabi.Compression.Distillation;
using Nabi.Compression.Pruning;

namespace Nabi.Bench.Claims;

/// <summary>All criteria for channels against the plain norm and against chance, with the same training afterwards.</summary>
internal sealed class ChannelCriteria : Claim
{
    private const double Keep = 1 / 2.1;

    private static readonly string[] Criteria = ["random", "l1", "l2", "fpgm", "batch-norm-scale", "taylor", "hessian"];

    public override string Name => "channel-criteria";

    public override string Paper => "Li et al. 2017 (l1), He et al. 2018 (l2), He et al. 2019 (fpgm), Liu et al. 2017 (batch-norm-scale), Molchanov et al. 2019 (taylor), Liu et al. 2021 (hessian)";

    public override string Statement => "A criterion that looks at the loss keeps more accuracy at equal multiply-accumulates than the norm of filters, and that more than chance.";

    public override void Run(ClaimRun run)
    {
        var model = Cifar10.Baseline(run, "resnet20", 20);
        run.Say($"ResNet-20 on CIFAR-10, {ClaimRun.Percent(run.Accuracy(model, "cifar10"))}, pruned at once to 1/2.1 of its multiply-accumulates; batch statistics are measured anew; then one epoch of training at rate 0.05, without a teacher.");
        run.Head("criterion", "MACs", "parameters", "before training", "after one epoch");
        foreach (var criterion in Criteria)
        {
            List<double> before = [], after = [], macs = [], parameters = [];
            foreach (var seed in run.Seeds)
            {
                ClaimRun.Progress($"{criterion}, seed {seed}");
                var context = run.Context("cifar10", seed);
                var pruned = new PruneChannels { Criterion = criterion, KeepMacs = Keep, Samples = 1024 }.Apply(model, context);
                macs.Add((double)ChannelSelection.Macs(model) / ChannelSelection.Macs(pruned));
                parameters.Add((double)model.ParameterCount / pruned.ParameterCount);
                before.Add(run.Accuracy(pruned, "cifar10"));
                var tuned = new FineTune { Epochs = 1, Rate = 0.05, Decay = 5e-4, Batch = 128, Crop = 4, Flip = true }.Apply(pruned, context);
                after.Add(run.Accuracy(tuned, "cifar10"));
            }
            run.Row(criterion, "1/" + ClaimRun.Times(macs.Average()), "1/" + ClaimRun.Times(parameters.Average()), ClaimRun.Percent(before), ClaimRun.Percent(after));
        }
    }
}
