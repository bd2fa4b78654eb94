using Nabi.Compression.Pruning;
using Nabi.Compression.Sharing;
using Nabi.Ops;
using Nabi.Passes;
using Nabi.Training;

namespace Nabi.Compression.Tests.Sharing;

public sealed class SoftShareWeightsTests
{
    private static readonly SoftShareWeights Step = new() { ZeroShare = 0.5, Epochs = 80, Rate = 0.02, Tau = 0.03 };

    [Fact]
    public void The_term_is_the_negative_logarithm_of_the_mixture_and_of_the_hyper_priors()
    {
        var (graph, rng) = (FoldBatchNormalization.Pass.Apply(TinyNet.Trained), new Rng(2));
        var weight = graph.Parameter("fc.w")!;
        var prior = new MixturePrior(["fc.w"], 4, 0.9, 0.5, -1.2, 1.2);
        var step = TrainingStep.Build(graph, new TrainingOptions { BatchSize = 2, Loss = new GuidanceAlone(), Guidance = [prior], Optimizer = new Sgd() });
        var found = ReferenceEvaluator.Run(step.Graph, step.Graph.Inputs.ToDictionary(i => i.Name, i => Tensor.Zeros(i.DType, i.Shape)), rng)[TrainingStep.LossOutput].Item();

        // Twice the range that the constants are for, so a deviation of 0.5, and beta four times as large.
        double[] logPrecisions = [.. Enumerable.Repeat(Math.Log(4), 4)];
        var mixture = new Mixture([0, -1.2, 0, 1.2], logPrecisions, [Math.Log(0.9), .. Enumerable.Repeat(Math.Log(0.1 / 3), 3)]);
        var expected = weight.Data!.ToSingle().Sum(w => mixture.LogDensity(w))
            + (4999 * Math.Log(4)) - (2 * 4 * 4) + (3 * ((249 * Math.Log(4)) - (0.1 * 4 * 4)));
        Assert.Equal(-0.5 * expected, found, Math.Abs(expected) * 1e-5);
    }

    /// <summary>The paper's figure 1: weights that lay everywhere gather at few means, most of them at zero.</summary>
    [Fact]
    public void Weights_gather_at_the_means_while_they_are_learned()
    {
        var start = FoldBatchNormalization.Pass.Apply(TinyNet.Trained);
        var (trained, mixture, names) = Step.Train(TinyNet.Trained, TinyNet.Context);
        double Distance(Graph graph) => names.SelectMany(n => graph.Parameter(n)!.Data!.ToSingle()).Average(w => Math.Abs(w - mixture.Means[mixture.MostResponsible(w)]));
        Assert.True(Distance(trained) < 0.5 * Distance(start), $"{Distance(start)} became {Distance(trained)}");
        Assert.Equal(0, mixture.Means[0]);
        Assert.Equal(0.5, Math.Exp(mixture.LogShares[0]), 1e-9);
        Assert.Equal(1, mixture.LogShares.Sum(Math.Exp), 1e-5);
        Assert.True(mixture.LogShares.Skip(1).Select(Math.Exp).Max() > 1.5 * mixture.LogShares.Skip(1).Select(Math.Exp).Min());
    }

    [Fact]
    public void The_network_has_few_values_many_zeros_and_its_accuracy()
    {
        var context = TinyNet.Context;
        var shared = Step.Apply(TinyNet.Trained, context);
        var weights = shared.Nodes.Where(n => n.Op is Codebook).SelectMany(n => ReferenceEvaluator.Evaluate(n, [n.Inputs[0]!.Data, n.Inputs[1]!.Data], new Rng(0))[0].ToSingle()).ToArray();
        Assert.InRange(weights.Distinct().Count(), 2, 16);
        var zeros = weights.Count(w => w == 0) / (double)weights.Length;
        Assert.InRange(zeros, 0.3, 1);
        Assert.InRange(TinyNet.Accuracy(shared), TinyNet.Accuracy(TinyNet.Trained) - 0.15, 1);
        Assert.Contains("became zero", context.Notes.Lines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void Pruned_weights_stay_zero_and_kept_layers_stay_floats()
    {
        var pruned = new PruneWeights { Sparsity = 0.5 }.Apply(TinyNet.Trained, TinyNet.Context);
        var kept = pruned.Nodes.Single(n => n.Op is Gemm).Name;
        var shared = (Step with { Epochs = 1, Keep = [kept] }).Apply(pruned, TinyNet.Context);
        foreach (var node in shared.Nodes.Where(n => n.Op is Codebook))
        {
            var after = ReferenceEvaluator.Evaluate(node, [node.Inputs[0]!.Data, node.Inputs[1]!.Data], new Rng(0))[0].ToSingle();
            var before = FoldBatchNormalization.Pass.Apply(pruned).Parameter(node.Name[..^".shared".Length])!.Data!.ToSingle();
            for (var i = 0; i < after.Length; i++) Assert.True(before[i] != 0 || after[i] == 0);
        }
        Assert.NotNull(shared.Nodes.Single(n => n.Op is Gemm).Inputs[1]!.Data);
    }

    [Theory]
    [InlineData(1, 0.9, 0.003, "components")]
    [InlineData(16, 1, 0.003, "zero-share")]
    [InlineData(16, 0.9, 2, "tau")]
    public void Settings_are_checked(int components, double zeroShare, double tau, string named) =>
        Assert.Contains(named, new SoftShareWeights { Components = components, ZeroShare = zeroShare, Tau = tau }.Fault, StringComparison.Ordinal);
}
