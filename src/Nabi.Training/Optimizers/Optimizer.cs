namespace Nabi.Training;

/// <summary>How parameters follow their gradients: adds the nodes of one step to the training graph.</summary>
public abstract record Optimizer
{
    /// <summary>Weight decay, at least 0. Normalization parameters and biases are spared, see <see cref="TrainingOptions.DecayAll"/>.</summary>
    public double WeightDecay { get; init; }

    /// <summary>Adds the update of one parameter.</summary>
    /// <returns>The parameter's new value.</returns>
    public abstract Value Apply(OptimizerStep step);
}
