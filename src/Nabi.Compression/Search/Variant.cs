using System.Text.Json.Serialization;
using Nabi.Compression.Quantization;
using Nabi.Training;

namespace Nabi.Compression.Search;

/// <summary>A network with its measured numbers: the original, or what a recipe made of it.</summary>
public sealed record Variant
{
    /// <summary>Its name, which is also its file's: <c>original</c>, <c>keep50-int8</c>.</summary>
    public required string Name { get; init; }

    /// <summary>The recipe that made it from the original, as YAML; empty for the original.</summary>
    public required string Recipe { get; init; }

    /// <summary>The file.</summary>
    public required string Path { get; init; }

    /// <summary>SHA-256 of the file, hexadecimal.</summary>
    public required string Sha256 { get; init; }

    /// <summary>Share of correct predictions on the validation samples, 0 to 1, of the file as written.</summary>
    public required double ValidationAccuracy { get; init; }

    /// <summary>Share of correct predictions on the test samples, 0 to 1; the validation samples' where there are none.</summary>
    public required double Accuracy { get; init; }

    /// <summary>Mean cross entropy in nats on the same samples.</summary>
    public required double Loss { get; init; }

    /// <summary>Share of samples on which it says the same as the original, 0 to 1.</summary>
    public required double Agreement { get; init; }

    /// <summary>Samples by true class, then predicted class.</summary>
    public required IReadOnlyList<IReadOnlyList<int>> Confusion { get; init; }

    /// <summary>Bytes on disk.</summary>
    public required long Bytes { get; init; }

    /// <summary>Multiply-accumulates for one sample.</summary>
    public required long Macs { get; init; }

    /// <summary>Learned numbers.</summary>
    public required long Parameters { get; init; }

    /// <summary>Median time of one sample in milliseconds, measured.</summary>
    public required double P50Ms { get; init; }

    /// <summary>Time in milliseconds that 95 of 100 runs stay below, measured.</summary>
    public required double P95Ms { get; init; }

    /// <summary>Threads the latency was measured on.</summary>
    public required int Threads { get; init; }

    /// <summary>Seconds it took to make.</summary>
    public double Seconds { get; init; }

    /// <summary>What the steps had to say.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>How layers came through quantization; empty for float variants.</summary>
    public IReadOnlyList<QuantizedLayer> Layers { get; init; } = [];

    /// <summary>The history of every training on the way.</summary>
    public IReadOnlyList<IReadOnlyList<EpochRecord>> Curves { get; init; } = [];

    /// <summary>Is it on the Pareto front of accuracy, bytes, multiply-accumulates and latency?</summary>
    public bool IsOnFront { get; init; }

    /// <summary>Does it meet the budget on the validation samples and all limits?</summary>
    public bool MeetsBudget { get; init; }

    /// <summary>The graph as read back from the file; null in a state read from disk until it is needed.</summary>
    [JsonIgnore]
    public Graph? Graph { get; init; }
}
