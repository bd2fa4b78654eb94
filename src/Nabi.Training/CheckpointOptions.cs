namespace Nabi.Training;

/// <summary>Where and how often a training is saved, so that it can go on after an interruption with the same bits.</summary>
/// <param name="Path">The file. It is written under another name and moved, so that it is always whole.</param>
/// <param name="EverySteps">Steps between two savings; 0 saves after each epoch. Default 0.</param>
/// <param name="Resume">Go on from the file when it is there? Default true.</param>
public sealed record CheckpointOptions(string Path, int EverySteps = 0, bool Resume = true);
