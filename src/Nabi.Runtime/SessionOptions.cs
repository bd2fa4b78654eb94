namespace Nabi.Runtime;

/// <summary>How a session runs its graph.</summary>
public sealed record SessionOptions
{
    /// <summary>Threads used, the caller's among them. Default: one per processor. Range 1 to 256.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>Seed of operators that draw random numbers (Dropout in training mode). Default 0.</summary>
    public ulong Seed { get; init; }

    /// <summary>Kernels to take where several can compute a shape, measured before. Default none: a rule decides.</summary>
    public KernelChoices Choices { get; init; } = KernelChoices.None;

    /// <summary>Run every node with its reference evaluation instead of kernels: slow, for comparison. Default false.</summary>
    public bool Reference { get; init; }
}
