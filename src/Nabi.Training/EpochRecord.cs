namespace Nabi.Training;

/// <summary>What one epoch reached, for curves and reports.</summary>
/// <param name="Epoch">Which, from 1.</param>
/// <param name="LearningRate">The rate of its last step.</param>
/// <param name="Loss">Mean training loss, with all its terms.</param>
/// <param name="Accuracy">Accuracy on the training batches while they were learned, 0 to 1; 0 for a reconstruction.</param>
/// <param name="ValidationLoss">Mean cross entropy, or error of the reconstruction, on the validation set, when there is one.</param>
/// <param name="ValidationAccuracy">Accuracy on the validation set, 0 to 1, when there is one.</param>
/// <param name="Seconds">Time taken, without validation.</param>
public sealed record EpochRecord(int Epoch, double LearningRate, double Loss, double Accuracy, double? ValidationLoss, double? ValidationAccuracy, double Seconds);
