using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Nabi.Cli.Tests;

/// <summary>Signals to the tool as a process of its own.</summary>
public sealed partial class InterruptionTests : IDisposable
{
    private const int Interrupt = 2;

    private readonly Workspace _at = new();

    public void Dispose() => _at.Dispose();

    [Fact]
    public async Task Interrupting_a_training_keeps_what_is_finished()
    {
        if (OperatingSystem.IsWindows()) return;
        using var training = Train("stopped.onnx", "c.ckpt", epochs: 100_000);
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
        const int epochs = 40;
        using (var killed = Train("b.nabi", "c.ckpt", epochs))
        {
            await CheckpointWritten(killed, "c.ckpt", times: 5);
            killed.Kill();
            await killed.WaitForExitAsync();
            Assert.False(File.Exists(_at["b.nabi"]), "The training was over before it was killed.");
        }
        Assert.Equal(CommandLine.Done, (await Commands.Run(Words("b.nabi", "c.ckpt", epochs))).ExitCode);
        Assert.Equal(CommandLine.Done, (await Commands.Run(Words("a.nabi", "other.ckpt", epochs))).ExitCode);
        Assert.Equal(File.ReadAllBytes(_at["a.nabi"]), File.ReadAllBytes(_at["b.nabi"]));
    }

    private string[] Words(string output, string checkpoint, int epochs) =>
    [
        "train", "lenet5", "--width", "0.2", "--data", _at.Data(), "--batch", "16", "--epochs", $"{epochs}", "--optimizer", "adam", "--augment", "translate", "--ema", "0.9",
        "--checkpoint", _at[checkpoint], "--checkpoint-steps", "3", "-o", _at[output],
    ];

    private Process Train(string output, string checkpoint, int epochs)
    {
        var program = Path.Combine(AppContext.BaseDirectory, "nabi.dll");
        return Process.Start(new ProcessStartInfo(Environment.ProcessPath is { } host && Path.GetFileNameWithoutExtension(host) == "dotnet" ? host : "dotnet",
            [program, .. Words(output, checkpoint, epochs)]) { UseShellExecute = false, RedirectStandardError = true, RedirectStandardOutput = true })!;
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
