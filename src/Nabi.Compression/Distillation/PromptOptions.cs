using Nabi.Training;

namespace Nabi.Compression.Distillation;

/// <summary>What decides a training of a promptable segmenter. Equal options, scenes, networks and threads give equal bits.</summary>
public sealed record PromptOptions
{
    /// <summary>Times the scenes are gone through. Default 5.</summary>
    public int Epochs { get; init; } = 5;

    /// <summary>Scenes in a step. Default 16.</summary>
    public int BatchSize { get; init; } = 16;

    /// <summary>The learning rate at the start; it falls to zero along half a cosine. Default 0.002.</summary>
    public double Rate { get; init; } = 2e-3;

    /// <summary>Masks decoded per batch: after each but the last, a new prompt where student and teacher disagree. Default 2, EdgeSAM's configuration. Range 1 to 16.</summary>
    public int Iterations { get; init; } = 2;

    /// <summary>The loss on masks. Default 5 times cross entropy and 5 times dice, EdgeSAM's configuration.</summary>
    public MaskLoss Loss { get; init; } = new();

    /// <summary>Seed of order and prompts. Default 0.</summary>
    public ulong Seed { get; init; }

    /// <summary>Threads. Default one per processor.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>Prompts that a decoder must take at least: a box, and one more for each further iteration.</summary>
    public int Prompts => Iterations + 1;

    /// <summary>What is wrong, as a sentence; null when nothing is.</summary>
    internal string? Fault => Epochs is < 1 or > 100_000 || BatchSize is < 1 or > 65536 || Rate is not (> 0 and < 10) || Iterations is < 1 or > 16
        ? $"A training of {Epochs} epochs, batches of {BatchSize}, rate {Rate} and {Iterations} iterations is not possible; use 1 or more of each, and a rate above 0." : null;
}
