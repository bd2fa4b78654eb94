namespace Nabi.Training;

/// <summary>What a training reached.</summary>
/// <param name="Model">The model with its new parameters (the moving average when asked for), labels and normalization in its metadata.</param>
/// <param name="History">One record per finished epoch.</param>
/// <param name="IsComplete">Were all epochs done? False when the training was cancelled.</param>
/// <param name="Steps">Steps done, those before a resume included.</param>
/// <param name="SamplesPerSecond">Training speed of this run.</param>
public sealed record TrainingResult(Graph Model, IReadOnlyList<EpochRecord> History, bool IsComplete, long Steps, double SamplesPerSecond)
{
    /// <summary>What guidance learned beside the network, by the name of <see cref="GuidanceContext.Parameter"/>; empty when there is none.</summary>
    public IReadOnlyDictionary<string, Tensor> Learned { get; init; } = new Dictionary<string, Tensor>(StringComparer.Ordinal);
}
