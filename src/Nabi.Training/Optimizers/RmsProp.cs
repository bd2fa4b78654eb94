using Nabi.Ops;

namespace Nabi.Training;

/// <summary>RMSProp (Tieleman and Hinton 2012); the weight decay, 0 by default, is an L2 penalty. See <see cref="RmsPropUpdate"/> for the formula.</summary>
public sealed record RmsProp : Optimizer
{
    /// <summary>Share of the mean square that stays. Default 0.99.</summary>
    public double Alpha { get; init; } = 0.99;

    /// <summary>Share of the velocity that stays, in [0, 1). Default 0.</summary>
    public double Momentum { get; init; }

    /// <summary>Added to the root of the mean square. Default 1e-8.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <inheritdoc/>
    public override Value Apply(OptimizerStep step)
    {
        var update = new RmsPropUpdate { Alpha = (float)Alpha, Momentum = (float)Momentum, Epsilon = (float)Epsilon, WeightDecay = step.WeightDecay };
        return Momentum == 0 ? step.Apply(update, [step.LearningRate], "square") : step.Apply(update, [step.LearningRate], "square", "velocity");
    }
}
