using Nabi.Compression.Pruning;
using Nabi.Training;

namespace Nabi.Bench.Claims;

/// <summary>LeNet-300-100 with a twelfth of its parameters and fewer.</summary>
internal sealed class LeNet300Pruning : LeNetPruning
{
    public override string Name => "lenet-300-100-pruning";

    public override string Statement => "LeNet-300-100 keeps its accuracy on MNIST with 12 times fewer parameters (98.36 to 98.41 %).";

    protected override string Network => "lenet-300-100";

    protected override TrainingOptions Training => new() { Epochs = 12, LearningRate = 0.05 };

    protected override PruneGradually Step => new() { Epochs = 30, Rate = 0.05 };

    protected override IReadOnlyList<(double Sparsity, int Shift)> Rows => [(0.922, 1), (0.922, 0)];
}
