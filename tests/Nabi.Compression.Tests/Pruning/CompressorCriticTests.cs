using Nabi.Compression.Distillation;
using Nabi.Compression.Pruning;
using Nabi.Models;

namespace Nabi.Compression.Tests.Pruning;

public class CompressorCriticTests
{
    private static readonly CompressorCritic Step = new() { Epochs = 15, Hidden = 16, CompressorRate = 0.01, Rate = 1e-4 };

    /// <summary>Elements that nothing depends on, a third of each layer, learn no probability worth keeping; those that matter do.</summary>
    [Fact]
    public void Elements_that_matter_are_kept_more_often()
    {
        var graph = WithIdleElements();
        var keep = Step.Learn(graph, TinyNet.Context).Keep;
        var (idle, busy) = (Mean(keep, c => c % 3 == 0), Mean(keep, c => c % 3 != 0));
        Assert.True(busy > idle + 0.05, $"{busy} against {idle}");
    }

    /// <summary>The paper's claim, small: at equal accuracy more elements go than at random.</summary>
    [Fact]
    public void It_removes_more_at_equal_accuracy_than_chance()
    {
        var graph = Lenet();
        var tune = new FineTune { Epochs = 4, Rate = 0.02 };
        var context = TinyNet.Context;
        var learned = tune.Apply((Step with { KeepMacs = 0.15 }).Apply(graph, context), context);
        var chance = Enumerable.Range(1, 3).Average(seed => TinyNet.Accuracy(tune.Apply(
            new PruneChannels { Criterion = "random", KeepMacs = 0.25, MaxRatio = 0.9 }.Apply(graph, context with { Seed = (ulong)seed }), context)));
        Assert.True(learned.ParameterCount < 0.2 * graph.ParameterCount);
        Assert.True(TinyNet.Accuracy(learned) >= chance, $"{TinyNet.Accuracy(learned)} against {chance}");
    }

    [Fact]
    public void Residual_networks_with_normalization_go_through_it()
    {
        var graph = TinyNet.Trained;
        var pruned = (Step with { Epochs = 2, KeepMacs = 0.6 }).Apply(graph, TinyNet.Context);
        Assert.InRange((double)ChannelSelection.Macs(pruned) / ChannelSelection.Macs(graph), 0.1, 0.6);
    }

    private static readonly Lazy<Graph> LazyLenet = new(() => new Training.Trainer(
        Zoo.Find("lenet-300-100").Create(new ModelOptions { Classes = 4, Seed = 1, Input = TinyNet.Data.Train.SampleShape, Width = 0.1 }), TinyNet.Data.Train,
        new Training.TrainingOptions { Epochs = 12, BatchSize = 32, LearningRate = 0.05 }) { Threads = 1 }.Run().Model);

    private static Graph Lenet() => LazyLenet.Value;

    // Every third hidden element is read with weights of zero.
    private static Graph WithIdleElements()
    {
        var graph = Lenet();
        var groups = ChannelGroups.Of(graph);
        var tensors = groups.SelectMany(g => ChannelReader.Of(g)!).ToDictionary(r => r.Weight.Name, r =>
        {
            var rows = r.Matrix();
            foreach (var row in rows)
                for (var c = 0; c < r.Columns.Count; c += 3) row[r.Columns[c][0]] = 0;
            return r.Tensor(rows);
        }, StringComparer.Ordinal);
        return graph.WithParameters(tensors);
    }

    private static double Mean(IReadOnlyDictionary<int, float[]> keep, Func<int, bool> which) => keep.Values.SelectMany(k => k.Where((_, c) => which(c))).Average();
}
