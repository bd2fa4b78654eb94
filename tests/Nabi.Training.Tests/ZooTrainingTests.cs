using Nabi.Models;
using Nabi.Runtime;
using Nabi.TestSuite;

namespace Nabi.Training.Tests;

/// <summary>Every network of the zoo learns: gradients reach all it has to learn, and one step along them lowers the loss.</summary>
public class ZooTrainingTests
{
    private const int Batch = 4;

    /// <summary>Learned parameters that no gradient reaches in a network this small, by network and start of the name, with the reason.</summary>
    private static readonly (string Network, string Parameters, string Reason)[] Unreached =
    [
        ("mnasnet-a1", "stage3.0.se.", "its two squeezed channels are below zero for these samples, and a ReLU follows"),
    ];

    /// <summary>Networks that follow something else than the slope of the loss, with the reason.</summary>
    private static readonly Dictionary<string, string> OtherWays = new()
    {
        ["addernet-resnet20"] = "a filter moves by its distance from the input, not by that distance's sign (Chen et al. 2020, eq. 5)",
    };

    public static TheoryData<string> Networks => [.. Zoo.All.Select(e => e.Name)];

    [Theory]
    [MemberData(nameof(Networks))]
    public void Gradients_reach_every_learned_parameter_and_a_step_along_them_lowers_the_loss(string name)
    {
        var entry = Zoo.Find(name);
        var input = entry.Input is { Rank: 3 } image && image[1] > 64 ? Shape.Create([image[0], 64, 64]) : entry.Input;
        var model = entry.CreateForTraining(new ModelOptions { Width = 0.25, Depth = 0.25, Seed = 5, Classes = 5, Input = input });
        var step = TrainingStep.Build(model, new TrainingOptions { BatchSize = Batch, Optimizer = new Descent() });
        using var session = new Session(step.Graph, new SessionOptions { Threads = 1 });
        var (samples, targets) = (RandomFeed.For(model, new Rng(7), Batch).Values.Single(), new float[Batch * step.Classes]);
        for (var i = 0; i < Batch; i++) targets[i * step.Classes + i % step.Classes] = 1;
        var chance = session.Rng.State;

        var loss = Loss(0);
        Assert.True(double.IsFinite(loss));
        var square = 0.0;
        foreach (var parameter in ModelRoles.Learned(model))
        {
            var gradient = step.Graph.Parameter(parameter.Name + Descent.Kept)!.Data!.ToSingle();
            Assert.True(Array.TrueForAll(gradient, float.IsFinite), $"The gradient of {parameter.Name} is not finite.");
            Assert.True(Array.Exists(gradient, g => g != 0) || Array.Exists(Unreached, u => u.Network == name && parameter.Name.StartsWith(u.Parameters, StringComparison.Ordinal)),
                $"No gradient reaches {parameter.Name}.");
            foreach (var g in gradient) square += (double)g * g;
        }
        if (OtherWays.ContainsKey(name)) return;
        // To first order the loss falls by the rate times the squared norm: a five-hundredth of it.
        Assert.Equal(loss, Loss(0.002 * loss / square), 1e-5 * loss);
        Assert.InRange(Loss(0), 0, loss * (1 - 1e-4));

        // Each step starts with the same state of chance, so that dropout leaves out the same activations.
        double Loss(double rate)
        {
            session.Rng.State = chance;
            return session.Run(new Dictionary<string, Tensor>
            {
                [step.Input] = samples,
                [step.Targets] = Tensor.Of<float>([Batch, step.Classes], targets),
                [step.Rate] = Tensor.Scalar((float)rate),
                [step.Number] = Tensor.Scalar(1f),
            })[TrainingStep.LossOutput].Item();
        }
    }

    /// <summary>Plain gradient descent that keeps the gradient.</summary>
    private sealed record Descent : Optimizer
    {
        public const string Kept = ".gradient";

        public override Value Apply(OptimizerStep step)
        {
            var kept = step.Builder.Parameter(step.Parameter.Name + Kept, Tensor.Zeros(step.Parameter.DType, step.Parameter.Shape), trainable: false);
            step.Builder.Update(kept, step.Gradient);
            return step.Builder.Sub(step.Parameter, step.Builder.Mul(step.Gradient, step.LearningRate));
        }
    }
}
