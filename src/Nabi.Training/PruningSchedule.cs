namespace Nabi.Training;

/// <summary>
/// Prunes weights while a training goes on, in stages: at the first step of a stage the schedule sets weights to zero, and the training keeps
/// every weight of a pruned parameter that is exactly zero at zero. So the weights themselves tell what was pruned, and a training that is
/// interrupted and resumed ends with the same bits.
/// </summary>
public abstract record PruningSchedule
{
    /// <summary>Is this parameter pruned, now or later?</summary>
    public abstract bool IsPruned(string parameter);

    /// <summary>The stage, from 0; it never falls.</summary>
    /// <param name="progress">Part of the training's steps that is done, 0 to 1.</param>
    public abstract int StageAt(double progress);

    /// <summary>
    /// Sets weights to zero in place, at the first step of each stage. It is called again for the same stage when a training is resumed, and
    /// must then find the same zeros.
    /// </summary>
    /// <param name="weights">The pruned parameters by name: their numbers, Float32.</param>
    /// <param name="progress">Part of the training's steps that is done, 0 to 1.</param>
    public abstract void Prune(IReadOnlyDictionary<string, Tensor> weights, double progress);
}
