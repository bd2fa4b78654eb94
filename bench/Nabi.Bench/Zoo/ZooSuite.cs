using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Nabi.Models;

namespace Nabi.Bench.Training;

/// <summary>
/// Trains the zoo on Fashion-MNIST at small size, each network by the command a user would type, and keeps accuracy, size and time.
/// Networks that have a result for the same command are not trained again.
/// </summary>
internal static class ZooSuite
{
    private const string DataSet = "fashion-mnist";

    /// <summary>What is said beside <c>--data</c> and <c>--width</c>; two epochs of plain SGD unless the network wants another training.</summary>
    private static readonly (string Name, double Width, string Arguments)[] Rows =
    [
        ("linear", 1, "--epochs 2"), ("lenet-300-100", 1, "--epochs 2"), ("lenet5", 1, "--epochs 2"), ("nabi-small", 0.5, "--epochs 2"),
        ("alexnet", 0.25, "--epochs 2"), ("vgg16", 0.125, "--epochs 2"),
        ("resnet8", 0.5, "--epochs 2"), ("resnet18", 0.125, "--epochs 2"), ("resnet20", 0.5, "--epochs 2"),
        ("densenet121", 0.125, "--epochs 2"),
        ("squeezenet-1.0", 0.5, "--epochs 2"), ("squeezenet-1.1", 0.5, "--epochs 2"), ("squeezenext-23", 0.5, "--epochs 2"),
        ("googlenet", 0.125, "--epochs 2"), ("inception-v3", 0.125, "--epochs 2"), ("xception", 0.125, "--epochs 2"),
        ("mobilenet-v1", 0.25, "--epochs 2"), ("mobilenet-v1-0.25-vww", 1, "--epochs 2"), ("mobilenet-v2", 0.25, "--epochs 2"), ("mobilenet-v3-large", 0.25, "--epochs 2"), ("mobilenet-v3-small", 0.5, "--epochs 2"),
        ("shufflenet-v1", 0.25, "--epochs 2"), ("shufflenet-v2-0.5", 0.5, "--epochs 2"), ("shufflenet-v2-1.0", 0.25, "--epochs 2"),
        ("shiftnet-a", 0.25, "--epochs 2"), ("addressnet-20", 0.45, "--epochs 2"), ("addernet-resnet20", 0.25, "--epochs 2"),
        ("mobilevit-xxs", 0.25, "--epochs 1"), ("mobile-former-96m", 0.25, "--epochs 1"),
        ("efficientnet-b0", 0.25, "--epochs 2"), ("efficientnetv2-s", 0.125, "--epochs 2"), ("mnasnet-b1", 0.25, "--epochs 2"), ("mnasnet-a1", 0.25, "--epochs 2"),
        ("deit-tiny", 0.34, "--epochs 1 --optimizer adamw --batch 32"), ("t2t-vit-7", 0.25, "--epochs 1 --optimizer adamw --batch 32"),
        ("evit-deit-small-0.7", 0.17, "--epochs 1 --optimizer adamw --batch 32"), ("dynamicvit-deit-small-0.7", 0.17, "--epochs 1 --optimizer adamw --batch 32"),
    ];

    /// <summary>Trains the named networks, or all that have no result yet.</summary>
    public static int Run(string[] words)
    {
        var threads = Environment.ProcessorCount;
        if (words is ["--threads", var number, .. var rest]) (threads, words) = (int.Parse(number, CultureInfo.InvariantCulture), rest);
        var rows = words.Length == 0 ? Rows : [.. words.Select(Row)];
        foreach (var row in rows)
        {
            var arguments = string.Create(CultureInfo.InvariantCulture, $"train {row.Name} --data {DataSet} --width {row.Width} {row.Arguments}");
            if (words.Length == 0 && TrainedNetwork.Load().Any(r => r.Name == row.Name && r.Arguments == arguments)) continue;
            if (Train(row.Name, row.Width, arguments, threads) is not { } result) return 1;
            TrainedNetwork.Keep(result);
            Console.WriteLine($"{result.Name}: {result.Accuracy:P2}, {result.Macs / 1e6:F2} M MACs, {result.Seconds:F0} s");
            WriteTable();
        }
        WriteTable();
        return 0;
    }

    private static (string Name, double Width, string Arguments) Row(string name) => Array.Find(Rows, r => r.Name == name) is { Name: not null } row
        ? row
        : throw new NabiException($"The suite does not train '{name}'; it has {string.Join(", ", Rows.Select(r => r.Name))}.");

    private static TrainedNetwork? Train(string name, double width, string arguments, int threads)
    {
        var model = Path.Combine(Path.GetTempPath(), $"nabi-zoo-{Environment.ProcessId}.onnx");
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "nabi.dll"), .. arguments.Split(' '), "-o", model, "--json"])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            Environment = { ["DOTNET_PROCESSOR_COUNT"] = threads.ToString(CultureInfo.InvariantCulture) },
        };
        var from = TimeProvider.System.GetTimestamp();
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        var seconds = TimeProvider.System.GetElapsedTime(from).TotalSeconds;
        File.Delete(model);
        if (process.ExitCode != 0) return null;
        using var document = JsonDocument.Parse(output);
        var summary = GraphSummary.Of(Zoo.Find(name).Create(new ModelOptions { Width = width, Input = [1, 28, 28], Classes = 10 }));
        return new TrainedNetwork(name, arguments, summary.Parameters, summary.Cost.Macs, document.RootElement.GetProperty("accuracy").GetDouble(), Math.Round(seconds, 1),
            threads, Cpu(), DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().Date));
    }

    private static string Cpu() => File.Exists("/proc/cpuinfo")
        ? File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim() ?? "unknown"
        : "unknown";

    private static void WriteTable()
    {
        var all = TrainedNetwork.Load().OrderBy(r => r.Macs).ToArray();
        if (all.Length == 0) return;
        var text = new StringBuilder($"""
            # The zoo at small size

            Fashion-MNIST (60,000 training and 10,000 test images of 28 x 28), no augmentation, batch 64, seed 0, on {all[0].Cpu}; the machine was shared. Every row is the command in its last column; `Nabi.Bench zoo` runs them all. `linear` is logistic regression, the bar.
            Sorted by multiply-accumulates; a network is on the front (•) when none with fewer is more accurate. One or two epochs show who learns fast and what a
            multiply-accumulate is worth, not what a network can reach.

            | network | parameters | MACs | accuracy % | % per M MACs | front | time s | threads | date | `nabi` ... |
            |---|---:|---:|---:|---:|---|---:|---:|---|---|

            """);
        foreach (var r in all)
        {
            text.AppendLine(CultureInfo.InvariantCulture,
                $"| {r.Name} | {r.Parameters:N0} | {r.Macs:N0} | {100 * r.Accuracy:F2} | {r.AccuracyPerMegaMac:F1} | {(r.IsOnFront(all) ? "•" : "")} | {r.Seconds:F0} | {r.Threads} | {r.Date:yyyy-MM-dd} | `{r.Arguments}` |");
        }
        AtomicFile.Write(Path.Combine(Repository.Results, "zoo.md"), s => s.Write(Encoding.UTF8.GetBytes(text.ToString())));
    }
}
