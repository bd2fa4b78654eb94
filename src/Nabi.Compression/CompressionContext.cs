using Nabi.Training;
using Nabi.Training.Data;

namespace Nabi.Compression;

/// <summary>What a compression works with: data, teacher, seed, clock, and whom it tells.</summary>
public sealed record CompressionContext
{
    /// <summary>Samples to learn from; null where none are given: then steps that train fail with a clear message.</summary>
    public DataSet? Training { get; init; }

    /// <summary>Samples that choose between candidates; never learned from.</summary>
    public required DataSet Validation { get; init; }

    /// <summary>Samples that only measure what is reported; the validation samples when null.</summary>
    public DataSet? Test { get; init; }

    /// <summary>Samples that activations are observed on; taken from <see cref="Training"/>, else <see cref="Validation"/>, when null.</summary>
    public DataSet? Calibration { get; init; }

    /// <summary>The network to learn from while fine-tuning: usually the original. Null trains on labels only.</summary>
    public Graph? Teacher { get; init; }

    /// <summary>Seed of all chance. Default 0.</summary>
    public ulong Seed { get; init; }

    /// <summary>Threads to use. Default: one per processor.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>Samples per batch where a step does not say. Default 64.</summary>
    public int BatchSize { get; init; } = 64;

    /// <summary>The clock. Default the system's.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>Who is told how far it is.</summary>
    public IProgress<CompressionProgress>? Progress { get; init; }

    /// <summary>Ends the work; what is finished is kept.</summary>
    public CancellationToken Cancellation { get; init; }

    /// <summary>What steps have to say beyond the graph: layers kept in float and why, layers that were not pruned.</summary>
    public CompressionNotes Notes { get; init; } = new();

    private (string Recipe, int Step, int Steps) Position { get; init; } = ("", 1, 1);

    /// <summary>The calibration samples.</summary>
    public DataSet CalibrationData => Calibration ?? Training ?? Validation;

    /// <summary>The training samples.</summary>
    /// <exception cref="NabiException">There are none.</exception>
    public DataSet TrainingData => Training ?? throw new NabiException("this step trains, but no training data was given; name a data set with --data");

    /// <summary>A generator for one purpose, the same for the same seed and purpose.</summary>
    public Rng RngFor(ulong purpose) => new Rng(Seed).Fork(purpose);

    /// <summary>The same context at a step of a recipe.</summary>
    public CompressionContext At(string recipe, int step, int steps) => this with { Position = (recipe, step, steps) };

    /// <summary>Tells how far it is, and ends the work when it was cancelled.</summary>
    /// <param name="what">What is being done.</param>
    /// <param name="done">Part of the step done, 0 to 1.</param>
    public void Report(string what, double? done = null)
    {
        Progress?.Report(ProgressOf(what, done));
        Cancellation.ThrowIfCancellationRequested();
    }

    /// <summary>A piece of progress at this step of the recipe.</summary>
    internal CompressionProgress ProgressOf(string what, double? done) => new(Position.Recipe, Position.Step, Position.Steps, what, done);
}

/// <summary>What steps have to say beyond the graph, for the report.</summary>
public sealed class CompressionNotes
{
    private readonly List<string> _lines = [];

    /// <summary>Sentences, in the order they were noted.</summary>
    public IReadOnlyList<string> Lines => _lines;

    /// <summary>The layers of the last quantization.</summary>
    public IReadOnlyList<Quantization.QuantizedLayer> Layers { get; set; } = [];

    /// <summary>The history of every training, in order.</summary>
    public IList<IReadOnlyList<EpochRecord>> Curves { get; } = [];

    /// <summary>Speed of the last training; null before there was one.</summary>
    public double? SamplesPerSecond { get; set; }

    /// <summary>Notes a sentence.</summary>
    public void Add(string line) => _lines.Add(line);
}
