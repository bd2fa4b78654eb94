using Nabi.Compression.Distillation;
using Nabi.Compression.Pruning;
using Nabi.Training;

namespace Nabi.Compression.Tests.Distillation;

public class FineTuneTests
{
    [Fact]
    public void A_pruned_network_learns_from_its_original_without_labels()
    {
        var teacher = TinyNet.Trained;
        var context = TinyNet.Context with { Teacher = teacher };
        var pruned = new PruneChannels { KeepMacs = 0.5 }.Apply(teacher, context);
        var tuned = new FineTune { Epochs = 4, Rate = 0.05, Alpha = 1 }.Apply(pruned, context);
        var wanted = Evaluator.Evaluate(teacher, TinyNet.Data.Test);
        double Agreement(Graph graph) => Evaluator.Evaluate(graph, TinyNet.Data.Test).AgreementWith(wanted);
        Assert.True(Agreement(tuned) > Agreement(pruned) + 0.1, $"{Agreement(pruned)}, then {Agreement(tuned)}");
        Assert.Equal(4, context.Notes.Curves[0].Count);
        Assert.NotNull(context.Notes.SamplesPerSecond);
    }
}
