using Nabi.Ops;

namespace Nabi.Training;

/// <summary>Stochastic gradient descent; the weight decay is an L2 penalty, 5e-4 by default. See <see cref="SgdUpdate"/> for the formula.</summary>
public sealed record Sgd : Optimizer
{
    /// <summary>The usual settings of residual networks.</summary>
    public Sgd() => WeightDecay = 5e-4;

    /// <summary>Share of the velocity that stays, in [0, 1). Default 0.9.</summary>
    public double Momentum { get; init; } = 0.9;

    /// <summary>Look ahead along the velocity? Default true; without momentum it means nothing.</summary>
    public bool Nesterov { get; init; } = true;

    /// <inheritdoc/>
    public override Value Apply(OptimizerStep step)
    {
        var update = new SgdUpdate { Momentum = (float)Momentum, Nesterov = Nesterov && Momentum != 0, WeightDecay = step.WeightDecay };
        return Momentum == 0 ? step.Apply(update, [step.LearningRate]) : step.Apply(update, [step.LearningRate], "velocity");
    }
}
