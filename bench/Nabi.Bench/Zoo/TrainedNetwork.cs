using System.Text.Json;

namespace Nabi.Bench.Training;

/// <summary>One network as it was trained at small size.</summary>
/// <param name="Name">Its name in the zoo.</param>
/// <param name="Arguments">What stood behind <c>nabi</c>.</param>
/// <param name="Parameters">Parameters at that size.</param>
/// <param name="Macs">Multiply-accumulates of one inference at that size.</param>
/// <param name="Accuracy">Share of test samples it got right.</param>
/// <param name="Seconds">Time from start to end, with reading the data and the test.</param>
/// <param name="Threads">Threads allowed.</param>
/// <param name="Cpu">The processor.</param>
/// <param name="Date">The day.</param>
internal sealed record TrainedNetwork(
    string Name, string Arguments, long Parameters, long Macs, double Accuracy, double Seconds, int Threads, string Cpu, DateOnly Date)
{
    private static readonly JsonSerializerOptions Format = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    private static string File => Path.Combine(Repository.Results, "zoo.json");

    /// <summary>Percent of accuracy for a million multiply-accumulates.</summary>
    public double AccuracyPerMegaMac => 100 * Accuracy / (Macs / 1e6);

    /// <summary>What was trained so far.</summary>
    public static IReadOnlyList<TrainedNetwork> Load() =>
        System.IO.File.Exists(File) ? JsonSerializer.Deserialize<TrainedNetwork[]>(System.IO.File.ReadAllText(File), Format)! : [];

    /// <summary>Adds a result or replaces the network's older one.</summary>
    public static void Keep(TrainedNetwork result) =>
        AtomicFile.Write(File, s => JsonSerializer.Serialize(s, Load().Where(r => r.Name != result.Name).Append(result).OrderBy(r => r.Name, StringComparer.Ordinal), Format));

    /// <summary>Has no other network both fewer multiply-accumulates and a higher accuracy?</summary>
    public bool IsOnFront(IReadOnlyList<TrainedNetwork> all) => !all.Any(o => o.Macs <= Macs && o.Accuracy >= Accuracy && o != this);
}
