namespace Nabi.Training;

/// <summary>The learning rate stays.</summary>
public sealed record Constant : Schedule
{
    /// <inheritdoc/>
    public override double Factor(double step, double steps) => 1;
}
