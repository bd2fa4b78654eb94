using Nabi.Compression.Pruning;
using Nabi.Training;

namespace Nabi.Bench.Claims;

/// <summary>LeNet-5 with a twelfth of its parameters.</summary>
internal sealed class LeNet5Pruning : LeNetPruning
{
    public override string Name => "lenet5-pruning";

    public override string Statement => "LeNet-5 keeps its accuracy on MNIST with 12 times fewer parameters (99.20 to 99.23 %).";

    protected override string Network => "lenet5";

    protected override TrainingOptions Training => new() { Epochs = 5, LearningRate = 0.02, ClipNorm = 5 };

    protected override PruneGradually Step => new() { Epochs = 15, Rate = 0.02 };

    protected override IReadOnlyList<(double Sparsity, int Shift)> Rows => [(0.922, 1)];
}
