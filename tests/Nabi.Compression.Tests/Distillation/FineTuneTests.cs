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

    [Fact]
    public void Hints_train_the_layers_before_the_guided_one_and_no_others()
    {
        var context = TinyNet.Context with { Teacher = TinyNet.Trained };
        var student = TinyNet.Build();
        var trained = new MatchHints { Epochs = 3 }.Apply(student, context);
        var changed = student.Parameters.Where(p => p.IsTrainable && !p.Data!.Bytes.SequenceEqual(trained.Parameter(p.Name)!.Data!.Bytes)).Select(p => p.Name).ToHashSet();
        Assert.Contains("stem.w", changed);
        Assert.DoesNotContain("fc.w", changed);
        Assert.True(context.Notes.Curves[0][^1].Loss < 0.8 * context.Notes.Curves[0][0].Loss);
        Assert.Contains("the context has none", Assert.Throws<NabiException>(() => new MatchHints().Apply(student, TinyNet.Context)).Message);
    }

    [Fact]
    public void Attention_and_hints_go_with_fine_tuning()
    {
        var context = TinyNet.Context with { Teacher = TinyNet.Trained };
        var tuned = new FineTune { Epochs = 6, Rate = 0.05, Attention = 1000, Hints = 1, PastSelf = 0.3 }.Apply(TinyNet.Build(), context);
        Assert.Equal(TinyNet.Trained.Parameters.Count, tuned.Parameters.Count);
        Assert.True(TinyNet.Accuracy(tuned) > 0.6, $"{TinyNet.Accuracy(tuned)}");
    }
}
