namespace Nabi.Training;

/// <summary>How the learning rate goes over a training: a factor on <see cref="TrainingOptions.LearningRate"/>.</summary>
public abstract record Schedule
{
    /// <summary>The factor of one step.</summary>
    /// <param name="step">Steps done before, from 0; may be a fraction.</param>
    /// <param name="steps">Steps of the whole training.</param>
    public abstract double Factor(double step, double steps);
}
