namespace Nabi.Training;

/// <summary>Where a training is.</summary>
/// <param name="Epoch">The epoch under way, from 1.</param>
/// <param name="Epochs">Epochs in all.</param>
/// <param name="Step">Steps of this epoch done.</param>
/// <param name="Steps">Steps of an epoch.</param>
/// <param name="Loss">Mean loss of this epoch so far.</param>
/// <param name="Accuracy">Accuracy of this epoch so far on the batches while they were learned, 0 to 1.</param>
/// <param name="SamplesPerSecond">Speed since the training was started or resumed.</param>
/// <param name="Remaining">Time left at that speed.</param>
/// <param name="Finished">The epoch that ended with this step, if one did.</param>
public sealed record TrainingProgress(int Epoch, int Epochs, int Step, int Steps, double Loss, double Accuracy, double SamplesPerSecond, TimeSpan Remaining, EpochRecord? Finished);
