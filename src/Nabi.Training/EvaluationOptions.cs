using Nabi.Runtime;
using Nabi.Training.Data;
using Nabi.Training.Data.Augmentations;

namespace Nabi.Training;

/// <summary>How a model is measured.</summary>
public sealed record EvaluationOptions
{
    /// <summary>Samples in a run. Default 100; a model whose batch is fixed and cannot be opened keeps its own.</summary>
    public int BatchSize { get; init; } = 100;

    /// <summary>What is done to the values; null takes the model's metadata or, when it says nothing, bytes as 0 to 1.</summary>
    public Normalization? Normalization { get; init; }

    /// <summary>Changes of each image before it is measured, in order: what a model minds and what not. Default none.</summary>
    public ValueArray<Augmentation> Augmentations { get; init; } = [];

    /// <summary>Seed of the changes' chance. Default 0.</summary>
    public ulong Seed { get; init; }

    /// <summary>How the model runs.</summary>
    public SessionOptions Session { get; init; } = new();
}
