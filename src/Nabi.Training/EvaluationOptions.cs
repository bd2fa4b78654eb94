using Nabi.Runtime;
using Nabi.Training.Data;

namespace Nabi.Training;

/// <summary>How a model is measured.</summary>
public sealed record EvaluationOptions
{
    /// <summary>Samples in a run. Default 100; a model whose batch is fixed and cannot be opened keeps its own.</summary>
    public int BatchSize { get; init; } = 100;

    /// <summary>What is done to the values; null takes the model's metadata or, when it says nothing, bytes as 0 to 1.</summary>
    public Normalization? Normalization { get; init; }

    /// <summary>How the model runs.</summary>
    public SessionOptions Session { get; init; } = new();
}
