using Nabi.Compression.Quantization;
using Nabi.Training;

namespace Nabi.Bench.Claims;

/// <summary>Weights rounded as the layer's output asks against weights rounded to the nearest.</summary>
internal sealed class AdaptiveRounding : Claim
{
    private static readonly TrainingOptions Training = new() { Epochs = 2, BatchSize = 128, LearningRate = 0.1 };

    public override string Name => "adaround";

    public override string Paper => "Nagel et al. 2020, Up or Down? Adaptive Rounding for Post-Training Quantization, tables 2 and 7";

    public override string Statement => "Weights of few bits rounded up or down by AdaRound lose far less than weights rounded to the nearest.";

    public override void Run(ClaimRun run)
    {
        run.Say("Half as wide ResNet-8 with batch normalization on Fashion-MNIST, 2 epochs; weights quantized, activations in float; AdaRound with 512 samples and 1000 steps per layer.");
        run.Head("weights", "float", "nearest", "nearest, bias correction from statistics", "AdaRound");
        foreach (var (bits, perChannel) in ((int, bool)[])[(4, false), (4, true), (3, false), (3, true)])
        {
            List<double> exact = [], nearest = [], corrected = [], learned = [];
            foreach (var seed in run.Seeds)
            {
                var (model, context) = (run.Trained("resnet8", "fashion-mnist", Training with { Seed = seed }, 0.5), run.Context("fashion-mnist", seed));
                var plain = new Quantize { WeightBits = bits, ActivationBits = Quantize.FloatBits, PerChannel = perChannel, BiasCorrection = false };
                exact.Add(run.Accuracy(model, "fashion-mnist"));
                nearest.Add(run.Accuracy(plain.Apply(model, context), "fashion-mnist"));
                corrected.Add(run.Accuracy((plain with { BiasCorrection = true }).Apply(model, context), "fashion-mnist"));
                learned.Add(run.Accuracy(new AdaRound { WeightBits = bits, ActivationBits = Quantize.FloatBits, PerChannel = perChannel }.Apply(model, context), "fashion-mnist"));
            }
            run.Row($"{bits} bits per {(perChannel ? "channel" : "tensor")}", ClaimRun.Percent(exact), ClaimRun.Percent(nearest), ClaimRun.Percent(corrected), ClaimRun.Percent(learned));
        }
    }
}
