namespace Nabi.Training;

/// <summary>The place of a training in a longer one: schedule, step and epoch numbers go on, and what was reached is taken over.</summary>
/// <param name="Epochs">Epochs of the longer training before this one.</param>
/// <param name="Steps">Steps before this one.</param>
/// <param name="Whole">Steps of the longer training.</param>
/// <param name="Earlier">Where the part before arrived; null for the first.</param>
/// <param name="History">The epochs before this one.</param>
internal sealed record TrainingPart(int Epochs, long Steps, long Whole, TrainingStep? Earlier, IReadOnlyList<EpochRecord> History);
