namespace Nabi.Training;

/// <summary>Raises the learning rate linearly (Goyal et al. 2017, section 2.2), then follows another schedule over the remaining steps.</summary>
/// <param name="Inner">The schedule afterwards.</param>
/// <param name="Fraction">Part of the training that the rise takes, 0 to 1. Default 0.05.</param>
public sealed record WarmUp(Schedule Inner, double Fraction = 0.05) : Schedule
{
    /// <inheritdoc/>
    public override double Factor(double step, double steps)
    {
        var rise = Fraction * steps;
        return step < rise ? Inner.Factor(0, steps - rise) * Math.Min(1, (step + 1) / rise) : Inner.Factor(step - rise, steps - rise);
    }
}
