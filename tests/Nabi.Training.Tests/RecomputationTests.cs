using Nabi.Models;
using Nabi.Runtime;

namespace Nabi.Training.Tests;

/// <summary>Chen et al. 2016, section 4.1: the same numbers in less memory.</summary>
public class RecomputationTests
{
    [Theory]
    [InlineData("mobilenet-v2", 0.55)]
    [InlineData("resnet18", 0.75)]
    [InlineData("densenet121", 0.75)]
    public void A_step_needs_less_memory(string network, double share)
    {
        var (keeping, recomputing) = (Plan(network, recompute: false), Plan(network, recompute: true));
        Assert.True(recomputing.PeakLiveBytes < share * keeping.PeakLiveBytes, $"{network}: {recomputing.PeakLiveBytes} bytes of {keeping.PeakLiveBytes}.");
        Assert.True(recomputing.Steps.Sum(s => s.Macs) <= 4.0 / 3 * keeping.Steps.Sum(s => s.Macs), "More than one more forward pass.");
    }

    [Theory]
    [InlineData("mobilenet-v2")]
    [InlineData("resnet8")]
    [InlineData("lenet5")]
    public void A_training_arrives_at_the_same_numbers(string network)
    {
        var (keeping, recomputing) = (Train(network, recompute: false), Train(network, recompute: true));
        foreach (var (name, expected) in keeping)
        {
            var actual = recomputing[name].ToSingle();
            var values = expected.ToSingle();
            var scale = values.Max(Math.Abs);
            for (var i = 0; i < values.Length; i++) Assert.True(Math.Abs(values[i] - actual[i]) <= 1e-4 * scale, $"{name}[{i}]: {actual[i]} instead of {values[i]}.");
        }
    }

    private static Plan Plan(string network, bool recompute)
    {
        using var session = new Session(Step(network, 16, recompute).Graph, new SessionOptions { Threads = 1 });
        return session.Plan!;
    }

    private static IReadOnlyDictionary<string, Tensor> Train(string network, bool recompute)
    {
        var step = Step(network, 4, recompute);
        using var session = new Session(step.Graph, new SessionOptions { Threads = 2, Seed = 3 });
        var rng = new Rng(5);
        for (var i = 1; i <= 2; i++)
        {
            session.Run(step.Graph.Inputs.ToDictionary(v => v.Name, v => v.Name == step.Rate ? Tensor.Scalar(0.01f) : v.Name == step.Number ? Tensor.Scalar((float)i)
                : Tensor.Of(v.Shape, [.. Enumerable.Range(0, (int)v.Shape.Count).Select(_ => (float)rng.NextGaussian())])));
        }
        return step.Trained;
    }

    private static TrainingStep Step(string network, int batch, bool recompute)
    {
        var entry = Zoo.Find(network);
        var model = entry.Create(new ModelOptions { Input = entry.Name == "lenet5" ? null : [3, 32, 32], Classes = 10, Width = 0.5, Seed = 1 });
        return TrainingStep.Build(model, new TrainingOptions { BatchSize = batch, Recompute = recompute });
    }
}
