using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Nabi.Cli.Tests;

/// <summary>Signals to the tool as a process of its own.</summary>
public sealed partial class InterruptionTests : IDisposable
{
    private const int Interrupt = 2;

    private readonly Workspace _at = new();
    private readonly List<Process> _started = [];

    public void Dispose()
    {
        foreach (var process in _started)
        {
            if (!process.HasExited) process.Kill();
            process.Dispose();
        }
        _at.Dispose();
    }

    // What is started in the background of a script has its Ctrl-C ignored, and hands that on to what it starts.
    private static bool CanInterrupt => !OperatingSystem.IsWindows() && (!File.Exists("/proc/self/status")
        || (Convert.ToUInt64(File.ReadLines("/proc/self/status").First(l => l.StartsWith("SigIgn:", StringComparison.Ordinal))[7..].Trim(), 16) >> (Interrupt - 1) & 1) == 0);

    [Fact]
    public async Task Interrupting_a_training_keeps_what_is_finished()
    {
        if (!CanInterrupt) return;
        var training = Train("stopped.onnx", "c.ckpt", epochs: 100_000);
        await CheckpointWritten(training, "c.ckpt", times: 2);
        Assert.Equal(0, Kill(training.Id, Interrupt));
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        await training.WaitForExitAsync(patience.Token);
        var said = await training.StandardError.ReadToEndAsync(patience.Token);
        Assert.Equal(CommandLine.Failed, training.ExitCode);
        Assert.Contains("nabi: stopped after", said, StringComparison.Ordinal);
        Assert.Contains("goes on from", said, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", said, StringComparison.Ordinal);
        Assert.Equal(["c.ckpt", "stopped.onnx"], _at.Files());
        Assert.Equal(64, (await Commands.Run("eval", _at["stopped.onnx"], "--data", _at.Data(), "--json")).Json().GetProperty("samples").GetInt32());
    }

    [Fact]
    public async Task A_training_killed_and_resumed_gives_the_same_file()
    {
        const int epochs = 100;
        var killed = Train("b.nabi", "c.ckpt", epochs);
        await CheckpointWritten(killed, "c.ckpt", times: 4);
        killed.Kill();
        await killed.WaitForExitAsync();
        Assert.False(File.Exists(_at["b.nabi"]), "The training was over before it was killed.");
        Assert.Equal(CommandLine.Done, (await Commands.Run(Words("b.nabi", "c.ckpt", epochs))).ExitCode);
        Assert.Equal(CommandLine.Done, (await Commands.Run(Words("a.nabi", "other.ckpt", epochs))).ExitCode);
        Assert.Equal(File.ReadAllBytes(_at["a.nabi"]), File.ReadAllBytes(_at["b.nabi"]));
    }

    [Fact]
    public async Task Interrupting_a_search_keeps_the_variants_found()
    {
        if (!CanInterrupt) return;
        await Commands.Run(Words("m.onnx", "c.ckpt", epochs: 4));
        var search = Start(["compress", _at["m.onnx"], "--data", _at.Data(), "--max-drop", "90", "--time", "10m", "-o", _at["out"]]);
        for (var waited = 0; !Directory.Exists(_at["out"]) || Directory.GetFiles(_at["out"], "*.nabi", SearchOption.AllDirectories).Length < 3; waited++)
        {
            Assert.True(waited < 600, "The search did not get under way.");
            if (search.HasExited) Assert.Fail(await search.StandardError.ReadToEndAsync());
            await Task.Delay(50);
        }
        Assert.Equal(0, Kill(search.Id, Interrupt));
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var (said, failed) = (search.StandardOutput.ReadToEndAsync(patience.Token), search.StandardError.ReadToEndAsync(patience.Token));
        await search.WaitForExitAsync(patience.Token);
        Assert.True(search.ExitCode == CommandLine.Done, $"exit {search.ExitCode}: {await failed}");
        Assert.Contains("stopped", await failed, StringComparison.Ordinal);
        Assert.Contains("Recommended: ", await said, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(_at["out"], "report.html")));
    }

    private string[] Words(string output, string checkpoint, int epochs) =>
    [
        "train", "lenet5", "--width", "0.2", "--data", _at.Data(), "--batch", "16", "--epochs", $"{epochs}", "--optimizer", "adam", "--augment", "translate", "--ema", "0.9",
        "--checkpoint", _at[checkpoint], "--checkpoint-steps", "4", "-o", _at[output],
    ];

    private Process Train(string output, string checkpoint, int epochs) => Start(Words(output, checkpoint, epochs));

    private Process Start(string[] words)
    {
        var host = Environment.ProcessPath is { } own && Path.GetFileNameWithoutExtension(own) == "dotnet" ? own : "dotnet";
        _started.Add(Process.Start(new ProcessStartInfo(host, [Path.Combine(AppContext.BaseDirectory, "nabi.dll"), .. words])
        {
            UseShellExecute = false,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        })!);
        return _started[^1];
    }

    /// <summary>Waits until the checkpoint was written anew some times: the training is well under way.</summary>
    private async Task CheckpointWritten(Process training, string checkpoint, int times)
    {
        var (seen, last) = (0, DateTime.MinValue);
        for (var waited = 0; seen < times; waited++)
        {
            Assert.True(waited < 6000, "The training did not get under way.");
            if (training.HasExited) Assert.Fail(await training.StandardError.ReadToEndAsync());
            if (File.Exists(_at[checkpoint]) && File.GetLastWriteTimeUtc(_at[checkpoint]) is var written && written != last) (last, seen) = (written, seen + 1);
            await Task.Delay(5);
        }
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
