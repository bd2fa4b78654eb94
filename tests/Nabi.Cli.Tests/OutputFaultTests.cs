using System.Diagnostics;
using Nabi.Formats;
using static Nabi.Cli.Tests.Commands;

namespace Nabi.Cli.Tests;

/// <summary>Places that cannot be written to: said before the work where possible, an earlier file stays, nothing is left beside it.</summary>
public sealed class OutputFaultTests : IDisposable
{
    private readonly Workspace _at = new();

    public void Dispose() => _at.Dispose();

    [Fact]
    public async Task Missing_folders_are_made()
    {
        (await Run("new", "linear", "-o", _at["a/b/c.onnx"], "--json")).Json();
        Assert.True(File.Exists(_at["a/b/c.onnx"]));
        Assert.Single(Directory.GetFiles(_at["a/b"]));
    }

    [Theory]
    [InlineData("new", "linear")]
    [InlineData("train", "linear", "--data", "glyphs", "--epochs", "100000")]
    public async Task A_folder_or_a_strange_extension_is_no_output(params string[] words)
    {
        Directory.CreateDirectory(_at["dir.onnx"]);
        (await Run([.. words, "-o", _at["dir.onnx"]])).FailsWith("dir.onnx", "is a folder");
        (await Run([.. words, "-o", _at["m.pt"]])).FailsWith("m.pt", ".onnx or .nabi");
        (await Run([.. words, "-o", "/dev/null/m.onnx"])).FailsWith("/dev/null/m.onnx", "cannot be written", "choose another place");
        (await Run([.. words, "-o", "/proc/nabi/m.onnx"])).FailsWith("/proc/nabi/m.onnx", "cannot be written");
        Assert.Empty(_at.Files());
    }

    [Fact]
    public async Task A_model_is_not_exported_onto_itself() =>
        (await Run("export", _at.Model(), "-o", _at["model.onnx"])).FailsWith("model.onnx", "is the model itself");

    [Fact]
    public void A_failing_write_keeps_the_earlier_file_and_leaves_nothing()
    {
        var path = _at.Write("m.onnx", [1, 2, 3]);
        var e = Assert.Throws<NabiException>(() => AtomicFile.Write(path, stream =>
        {
            stream.Write(new byte[100_000]);
            throw new IOException("No space left on device", 28);
        }));
        Assert.Contains("m.onnx' cannot be written: the disk is full", e.Message, StringComparison.Ordinal);
        Assert.Equal([1, 2, 3], File.ReadAllBytes(path));
        Assert.Equal(["m.onnx"], _at.Files());
    }

    // A file system of 64 kB, where one can be mounted: as root on Linux.
    [Fact]
    public async Task A_full_disk_is_one_sentence()
    {
        var disk = Directory.CreateDirectory(_at["disk"]).FullName;
        if (!Mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", disk))
        {
            Console.Error.WriteLine("Not checked: a small file system cannot be mounted here.");
            return;
        }
        try
        {
            var small = Path.Combine(disk, "m.onnx");
            ModelFile.Write(Workspace.Linear(classes: 2), small);
            var before = File.ReadAllBytes(small);
            (await Run("new", "lenet5", "-o", small)).FailsWith("m.onnx' cannot be written: the disk is full");
            (await Run("train", "lenet-300-100", "--data", _at.Data(), "--epochs", "1", "-o", small)).FailsWith("the disk is full");
            (await Run("train", "lenet-300-100", "--data", _at.Data(), "--epochs", "1", "-o", _at["t.onnx"], "--checkpoint", Path.Combine(disk, "c")))
                .FailsWith(Path.Combine(disk, "c"), "the disk is full");
            Assert.Equal(before, File.ReadAllBytes(small));
            Assert.Equal([small], Directory.GetFiles(disk));

            Assert.True(Mount("-o", "remount,ro", disk));
            (await Run("new", "linear", "-o", small)).FailsWith("m.onnx' cannot be written");
            (await Run("train", "linear", "--data", "glyphs", "--epochs", "100000", "-o", small)).FailsWith("m.onnx' cannot be written");
        }
        finally
        {
            Start("umount", disk);
        }
    }

    private static bool Mount(params string[] arguments) => OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess && Start("mount", arguments);

    private static bool Start(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardError = true });
        process?.WaitForExit();
        return process?.ExitCode == 0;
    }
}
