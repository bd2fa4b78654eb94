using Nabi.Compression.Quantization;

namespace Nabi.Bench.Claims;

/// <summary>Learned step sizes on a residual network.</summary>
internal sealed class LearnedSteps : Claim
{
    private const int Epochs = 8;

    public override string Name => "lsq";

    public override string Paper => "Esser et al. 2020, Learned step size quantization, table 1 (ResNet-18 on ImageNet: 70.5 % in float, 71.1 % W4A4, 67.6 % W2A2)";

    public override string Statement => "Weights and activations of 4 bits lose less than a point of accuracy, of 2 bits about 3 points.";

    public override void Run(ClaimRun run)
    {
        run.Say($"ResNet-8 (78,666 parameters) on CIFAR-10, 40 epochs in float; then `train-quantized` for {Epochs} epochs at rate 0.02 falling along a cosine, distilled from the float network (alpha 0.7, T 4). First and last layer 8 bits. `trained` computes in float on its levels, `deployed` is the stored network as it runs.");
        run.Head("seed", "network", "trained", "deployed", "points lost");
        foreach (var seed in run.Seeds)
        {
            var original = Cifar10.Baseline(run, "resnet8", 40);
            var accuracy = run.Accuracy(original, "cifar10");
            run.Row($"{seed}", "float", "", ClaimRun.Percent(accuracy), "");
            foreach (var bits in new[] { 4, 2 })
            {
                var step = new TrainQuantized { WeightBits = bits, ActivationBits = bits, Epochs = Epochs, Rate = 0.02, Batch = 128, Crop = 4, Flip = true, Alpha = 0.7 };
                var trained = step.Train(original, run.Context("cifar10", seed, original));
                var deployed = run.Accuracy(TrainQuantized.Store(trained), "cifar10");
                run.Row($"{seed}", $"W{bits}A{bits}", ClaimRun.Percent(run.Accuracy(trained, "cifar10")), ClaimRun.Percent(deployed), $"{100 * (accuracy - deployed):F2}");
            }
        }
    }
}
