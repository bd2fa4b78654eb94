using Nabi.Ops;

namespace Nabi.Training;

/// <summary>Adam with decoupled weight decay, 0.01 by default (Loshchilov and Hutter 2019, algorithm 2). See <see cref="AdamUpdate"/> for the formula.</summary>
public sealed record AdamW : Optimizer
{
    /// <summary>The paper's settings.</summary>
    public AdamW() => WeightDecay = 0.01;

    /// <summary>Share of the first moment that stays. Default 0.9.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Share of the second moment that stays. Default 0.999.</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>Added to the root of the second moment. Default 1e-8.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <inheritdoc/>
    public override Value Apply(OptimizerStep step) => step.Apply(
        new AdamUpdate { Beta1 = (float)Beta1, Beta2 = (float)Beta2, Epsilon = (float)Epsilon, Decoupled = true, WeightDecay = step.WeightDecay },
        [step.LearningRate, step.Number], "moment1", "moment2");
}
