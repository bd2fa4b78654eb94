using Nabi.Compression.Distillation;
using Nabi.Compression.Pruning;

namespace Nabi.Bench.Claims;

/// <summary>A residual network for CIFAR-10 with fewer channels.</summary>
internal sealed class ResNetChannels : Claim
{
    // The part of the original's multiply-accumulates after each removal, and the epochs that follow it; the targets are named.
    private static readonly (double Keep, int Epochs, string? Target)[] Removals =
        [(0.7, 1, null), (1 / 2.1, 8, "2.1x"), (0.34, 1, null), (0.25, 8, "4x")];

    private static readonly FineTune Training = new() { Epochs = 8, Rate = 0.05, Decay = 5e-4, Batch = 128, Crop = 4, Flip = true, Alpha = 0.7 };

    public override string Name => "resnet-channels";

    public override string Paper => "He et al. 2019, FPGM, table 1 (ResNet-20, 42 % to 54 % fewer FLOPs); Fang et al. 2023, DepGraph, table 2 (ResNet-56, 2.1x)";

    public override string Statement => "Removing channels makes a residual network 2.1 times cheaper within 0.6 points of its accuracy, and 4 times within 2 points.";

    public override void Run(ClaimRun run)
    {
        run.Say("ResNet-20 on CIFAR-10, 20 epochs: channels removed by `hessian` in two steps to each target (one epoch after the first), then 8 epochs at rate 0.05 falling along a cosine, distilled from the original (alpha 0.7, T 4); the second target begins where the first one ended. The control is the original itself, trained by the same 8 epochs.");
        run.Head("seed", "network", "MACs", "parameters", "accuracy", "points lost");
        foreach (var seed in run.Seeds)
        {
            var original = Cifar10.Baseline(run, "resnet20", 20);
            var (accuracy, macs) = (run.Accuracy(original, "cifar10"), ChannelSelection.Macs(original));
            run.Row($"{seed}", "original", $"{macs:N0}", $"{original.ParameterCount:N0}", ClaimRun.Percent(accuracy), "");
            var (model, context) = (original, run.Context("cifar10", seed, original));
            foreach (var (keep, epochs, target) in Removals)
            {
                model = new PruneChannels { Criterion = "hessian", KeepMacs = keep * macs / ChannelSelection.Macs(model), Samples = 2048, MaxRatio = 0.6 }.Apply(model, context);
                ClaimRun.Progress($"{(double)macs / ChannelSelection.Macs(model):F2}x, before training {ClaimRun.Percent(run.Accuracy(model, "cifar10"))}");
                model = (Training with { Epochs = epochs }).Apply(model, context);
                var reached = run.Accuracy(model, "cifar10");
                ClaimRun.Progress($"after {epochs} epochs {ClaimRun.Percent(reached)}");
                if (target is null) continue;
                run.Row($"{seed}", target, $"{ChannelSelection.Macs(model):N0}", $"{model.ParameterCount:N0}", ClaimRun.Percent(reached), $"{100 * (accuracy - reached):F2}");
            }
            var control = run.Accuracy(Training.Apply(original, context), "cifar10");
            run.Row($"{seed}", "control", $"{macs:N0}", $"{original.ParameterCount:N0}", ClaimRun.Percent(control), $"{100 * (accuracy - control):F2}");
        }
    }
}
