namespace Nabi.Training;

/// <summary>Multiplies the learning rate by <see cref="Gamma"/> at each milestone (He et al. 2016: by 0.1 at 50 % and 75 %).</summary>
public sealed record StepDecay : Schedule
{
    /// <summary>The multiplier. Default 0.1.</summary>
    public double Gamma { get; init; } = 0.1;

    /// <summary>Parts of the training, 0 to 1, after which it is applied. Default 0.5 and 0.75.</summary>
    public ValueArray<double> Milestones { get; init; } = [0.5, 0.75];

    /// <inheritdoc/>
    public override double Factor(double step, double steps)
    {
        var factor = 1.0;
        foreach (var milestone in Milestones.Span)
            if (step >= milestone * steps) factor *= Gamma;
        return factor;
    }
}
