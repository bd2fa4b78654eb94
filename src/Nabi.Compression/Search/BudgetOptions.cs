using Nabi.Compression.Distillation;

namespace Nabi.Compression.Search;

/// <summary>What a compression may cost and what it must reach.</summary>
public sealed record BudgetOptions
{
    /// <summary>The largest loss of accuracy, in parts of all samples: 0.01 is one point. Default 0.01.</summary>
    public double MaxDrop { get; init; } = 0.01;

    /// <summary>Time for the search. Default 10 minutes. What is under way when it ends is given up, what is finished is kept.</summary>
    public TimeSpan Time { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>The most bytes on disk. Default no limit.</summary>
    public long? MaxBytes { get; init; }

    /// <summary>The most multiply-accumulates for one sample. Default no limit.</summary>
    public long? MaxMacs { get; init; }

    /// <summary>The longest median latency for one sample on this machine. Default no limit.</summary>
    public TimeSpan? MaxLatency { get; init; }

    /// <summary>Parts of the multiply-accumulates that are looked at first, from mild to strong; the search goes on between and beyond them. Default 0.7, 0.5, 0.35, 0.25, 0.15.</summary>
    public ValueArray<double> KeepMacs { get; init; } = [0.7, 0.5, 0.35, 0.25, 0.15];

    /// <summary>
    /// How candidates are trained; the epochs are chosen by the time there is, up to <see cref="MaxEpochs"/>, and changes of images that mean nothing to the original are added.
    /// </summary>
    public FineTune FineTune { get; init; } = new() { Rate = 0.05, Decay = 5e-4, Alpha = 0.7, Batch = 128 };

    /// <summary>The most epochs for one candidate. Default 60.</summary>
    public int MaxEpochs { get; init; } = 60;

    /// <summary>The most candidates with fewer channels that are trained for long. Default 12.</summary>
    public int MaxCandidates { get; init; } = 12;

    /// <summary>Criteria that are compared before the search; the best one is used. Default hessian, taylor, l1, fpgm, batch-norm-scale.</summary>
    public ValueArray<string> Criteria { get; init; } = ["hessian", "taylor", "l1", "fpgm", "batch-norm-scale"];

    /// <summary>Factorizations that are compared with them. Default svd, spatial-svd, tucker2.</summary>
    public ValueArray<string> Factorizations { get; init; } = ["svd", "spatial-svd", "tucker2"];

    /// <summary>How activation ranges are chosen for int8. Default mse.</summary>
    public string Observer { get; init; } = "mse";

    /// <summary>Channels left are a multiple of this where possible. Default 4.</summary>
    public int Multiple { get; init; } = 4;

    /// <summary>Runs of each latency measurement, after half as many to warm up. Default 300.</summary>
    public int LatencyRuns { get; init; } = 300;

    /// <summary>
    /// Threads of each latency measurement. Default 1: one sample of a small network gains little from more, and the ratio of two variants is then not
    /// that of their thread switches.
    /// </summary>
    public int LatencyThreads { get; init; } = 1;

    /// <summary>The folder for candidates and the state of the search, which goes on there after an interruption.</summary>
    public required string Folder { get; init; }

    internal string? Fault =>
        MaxDrop is not (>= 0 and <= 1) ? $"A largest drop of {MaxDrop} is not possible; use parts of all samples, for example 0.01 for one point."
        : Time <= TimeSpan.Zero ? "The search needs some time; use for example 10 minutes."
        : KeepMacs.Any(k => k is not (> 0 and < 1)) ? "Parts of the multiply-accumulates to keep must lie between 0 and 1."
        : FineTune.Fault is { } fault ? $"Fine-tuning: {fault}."
        : null;
}
