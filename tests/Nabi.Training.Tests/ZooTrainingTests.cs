using Nabi.Models;
using Nabi.Runtime;

namespace Nabi.Training.Tests;

/// <summary>Every network of the zoo learns: gradients reach all it has to learn, and one step along them lowers the loss.</summary>
public class ZooTrainingTests
{
    private const int Batch = 4;
    private const int Classes = 5;

    /// <summary>Learned parameters that no gradient reaches in a network this small, by network and start of the name, with the reason.</summary>
    private static readonly (string Network, string Parameters, string Reason)[] Unreached = [];

    public static TheoryData<string> Networks => [.. Zoo.All.Select(e => e.Name)];

    [Theory]
    [MemberData(nameof(Networks))]
    public void Gradients_reach_every_learned_parameter_and_a_step_along_them_lowers_the_loss(string name)
    {
        var entry = Zoo.Find(name);
        var input = entry.Input is { Rank: 3 } image && image[1] > 64 ? Shape.Create([image[0], 64, 64]) : entry.Input;
        var model = entry.Create(new ModelOptions { Width = 0.25, Seed = 5, Classes = Classes, Input = input });
        var probe = TrainingStep.Build(model, new TrainingOptions { BatchSize = Batch, Optimizer = new ShowGradient() });
        var loss = Run(probe, 0)[0];
        Assert.True(double.IsFinite(loss));
        var gradients = probe.Model();
        var square = 0.0;
        foreach (var parameter in ModelRoles.Learned(gradients))
        {
            var gradient = parameter.Data!.ToSingle();
            Assert.True(Array.TrueForAll(gradient, float.IsFinite), $"The gradient of {parameter.Name} is not finite.");
            Assert.True(Array.Exists(gradient, g => g != 0) || Array.Exists(Unreached, u => u.Network == name && parameter.Name.StartsWith(u.Parameters, StringComparison.Ordinal)),
                $"No gradient reaches {parameter.Name}.");
            foreach (var g in gradient) square += (double)g * g;
        }
        // To first order the loss falls by the rate times the squared norm: a five-hundredth of it.
        var step = TrainingStep.Build(model, new TrainingOptions { BatchSize = Batch, Optimizer = new Sgd { Momentum = 0, WeightDecay = 0 } });
        var losses = Run(step, 0.002 * loss / square, 0);
        Assert.Equal(loss, losses[0], 1e-5 * loss);
        Assert.InRange(losses[1], 0, loss * (1 - 1e-4));
    }

    // One step for each rate. Each starts with the same state of chance, so that dropout leaves out the same activations.
    private static double[] Run(TrainingStep step, params ReadOnlySpan<double> rates)
    {
        var rng = new Rng(7);
        var input = step.Graph.Inputs.Single(i => i.Name == step.Input);
        var targets = new float[Batch * step.Classes];
        for (var i = 0; i < Batch; i++) targets[i * step.Classes + i % step.Classes] = 1;
        var values = new double[input.Shape.Count];
        for (var i = 0; i < values.Length; i++) values[i] = input.DType == DType.Int64 ? rng.Next(16) : rng.NextGaussian();
        using var session = new Session(step.Graph, new SessionOptions { Threads = 1 });
        var chance = session.Rng.State;
        var losses = new double[rates.Length];
        for (var i = 0; i < losses.Length; i++)
        {
            session.Rng.State = chance;
            losses[i] = session.Run(new Dictionary<string, Tensor>
            {
                [step.Input] = Tensor.Of<double>(input.Shape, values).Cast(input.DType),
                [step.Targets] = Tensor.Of<float>([Batch, step.Classes], targets),
                [step.Rate] = Tensor.Scalar((float)rates[i]),
                [step.Number] = Tensor.Scalar(1f),
            })[TrainingStep.LossOutput].Item();
        }
        return losses;
    }

    /// <summary>Puts the gradient in the parameter's place.</summary>
    private sealed record ShowGradient : Optimizer
    {
        public override Value Apply(OptimizerStep step) => step.Gradient;
    }
}
