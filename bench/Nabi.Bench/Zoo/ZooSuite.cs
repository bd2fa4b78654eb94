using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Nabi.Formats;

namespace Nabi.Bench.Training;

/// <summary>
/// Trains the zoo on Fashion-MNIST at small size, each network by the command a user would type, and keeps accuracy, size and time.
/// Networks that have a result for the same command are not trained again.
/// </summary>
internal static class ZooSuite
{
    private const string DataSet = "fashion-mnist";

    /// <summary>What is said beside <c>--data</c>: plain SGD for one or two epochs, Adam for the networks without batch normalization and for transformers.</summary>
    private static readonly (string Name, string Arguments)[] Rows =
    [
        ("linear", "--epochs 2"), ("lenet-300-100", "--epochs 2"), ("lenet5", "--epochs 2"), ("nabi-small", "--width 0.5 --epochs 2"),
        ("alexnet", "--width 0.25 --epochs 2 --optimizer adam"), ("vgg16", "--width 0.25 --epochs 2 --optimizer adam --lr 0.0003"),
        ("resnet8", "--width 0.5 --epochs 2"), ("resnet18", "--width 0.125 --epochs 2"), ("resnet20", "--width 0.5 --epochs 2"),
        ("densenet121", "--width 0.125 --epochs 1"), ("condensenet-74", "--width 0.25 --epochs 1"), ("condensenet-v2-a", "--width 0.5 --epochs 1"),
        ("squeezenet-1.0", "--width 0.5 --epochs 2"), ("squeezenet-1.1", "--width 0.5 --epochs 2"), ("squeezenext-23", "--width 0.5 --epochs 1"),
        ("googlenet", "--width 0.125 --epochs 1"), ("inception-v3", "--width 0.125 --epochs 1"), ("xception", "--width 0.125 --epochs 1"),
        ("mobilenet-v1", "--width 0.25 --epochs 1"), ("mobilenet-v2", "--width 0.25 --epochs 1"),
        ("mobilenet-v3-large", "--width 0.25 --epochs 1"), ("mobilenet-v3-small", "--width 0.5 --epochs 1"),
        ("shufflenet-v1", "--width 0.25 --epochs 1"), ("shufflenet-v2-0.5", "--width 0.5 --epochs 1"), ("shufflenet-v2-1.0", "--width 0.25 --epochs 1"),
        ("shiftnet-a", "--width 0.25 --epochs 1"), ("addressnet-20", "--width 0.45 --epochs 2"), ("addernet-resnet20", "--width 0.25 --epochs 1"),
        ("efficientnet-b0", "--width 0.25 --epochs 1"), ("efficientnetv2-s", "--width 0.125 --epochs 1"),
        ("mnasnet-b1", "--width 0.25 --epochs 1"), ("mnasnet-a1", "--width 0.25 --epochs 1"),
        ("mobilevit-xxs", "--width 0.25 --epochs 1"), ("mobile-former-96m", "--width 0.25 --epochs 1"),
        ("deit-tiny", "--width 0.34 --depth 0.5 --epochs 4 --optimizer adamw"),
    ];

    /// <summary>Trains the named networks, or all that have no result yet.</summary>
    public static int Run(string[] words)
    {
        var threads = Environment.ProcessorCount;
        if (words is ["--threads", var number, .. var rest]) (threads, words) = (int.Parse(number, CultureInfo.InvariantCulture), rest);
        foreach (var (name, settings) in words.Length == 0 ? Rows : [.. words.Select(Row)])
        {
            var arguments = $"train {name} --data {DataSet} {settings}";
            if (words.Length == 0 && TrainedNetwork.Load().Any(r => r.Name == name && r.Arguments == arguments)) continue;
            if (Train(name, arguments, threads) is not { } result) return 1;
            TrainedNetwork.Keep(result);
            Console.WriteLine($"{result.Name}: {result.Accuracy:P2}, {result.Macs / 1e6:F2} M MACs, {result.Seconds:F0} s");
            WriteTable();
        }
        WriteTable();
        return 0;
    }

    private static (string Name, string Arguments) Row(string name) => Array.Find(Rows, r => r.Name == name) is { Name: not null } row
        ? row
        : throw new NabiException($"The suite does not train '{name}'; it has {string.Join(", ", Rows.Select(r => r.Name))}.");

    private static TrainedNetwork? Train(string name, string arguments, int threads)
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
        if (process.ExitCode != 0) return null;
        using var document = JsonDocument.Parse(output);
        var summary = GraphSummary.Of(OnnxFile.Read(model));
        File.Delete(model);
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
            multiply-accumulate is worth, not what a network can reach. The additions of an adder network are not multiply-accumulates.

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
