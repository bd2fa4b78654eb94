using Nabi.Training;
using Nabi.Training.Data.Augmentations;

namespace Nabi.Bench.Claims;

/// <summary>The baselines on CIFAR-10 that claims share.</summary>
internal static class Cifar10
{
    /// <summary>
    /// A network trained as <c>nabi train NETWORK --data cifar10 --epochs EPOCHS --batch 128 --lr 0.1 --weight-decay 0.0005 --augment crop,flip --seed 1</c> does.
    /// </summary>
    public static Graph Baseline(ClaimRun run, string network, int epochs, ulong seed = 1) => run.Trained(network, "cifar10", new TrainingOptions
    {
        Epochs = epochs,
        BatchSize = 128,
        LearningRate = 0.1,
        Optimizer = new Sgd { WeightDecay = 5e-4 },
        Augmentations = [new RandomCrop(), new HorizontalFlip()],
        Seed = seed,
    });
}
