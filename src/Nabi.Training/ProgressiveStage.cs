namespace Nabi.Training;

/// <summary>One stage of progressive learning.</summary>
/// <param name="Height">Rows of its images.</param>
/// <param name="Width">Columns of its images.</param>
/// <param name="FirstEpoch">Epochs before it.</param>
/// <param name="Epochs">Its epochs.</param>
/// <param name="Regularization">How hard it is made.</param>
public sealed record ProgressiveStage(int Height, int Width, int FirstEpoch, int Epochs, Regularization Regularization);
