namespace Nabi.Compression;

/// <summary>Where a compression stands.</summary>
/// <param name="Recipe">The recipe or candidate at work.</param>
/// <param name="Step">The step at work, from 1.</param>
/// <param name="Steps">Number of steps.</param>
/// <param name="What">What is being done, for people.</param>
/// <param name="Done">Part of the step done, 0 to 1; null when not known.</param>
public sealed record CompressionProgress(string Recipe, int Step, int Steps, string What, double? Done = null);
