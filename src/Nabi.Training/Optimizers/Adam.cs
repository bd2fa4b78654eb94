using Nabi.Ops;

namespace Nabi.Training;

/// <summary>Adam (Kingma and Ba 2015); the weight decay, 0 by default, is an L2 penalty. See <see cref="AdamUpdate"/> for the formula.</summary>
public sealed record Adam : Optimizer
{
    /// <summary>Share of the first moment that stays. Default 0.9.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Share of the second moment that stays. Default 0.999.</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>Added to the root of the second moment. Default 1e-8.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <inheritdoc/>
    public override Value Apply(OptimizerStep step) => step.Apply(
        new AdamUpdate { Beta1 = (float)Beta1, Beta2 = (float)Beta2, Epsilon = (float)Epsilon, WeightDecay = step.WeightDecay },
        [step.LearningRate, step.Number], "moment1", "moment2");
}
