namespace Nabi.Training.Tests.Data;

/// <summary>Evaluation data beside the repository, which a clean checkout does not have: tests that need it pass with a message.</summary>
internal static class Assets
{
    public static string? Folder { get; } = Find();

    /// <summary>The path of an asset, or null (said on standard output) when there are no assets.</summary>
    public static string? PathOf(params string[] parts)
    {
        var path = Folder is null ? null : Path.Combine([Folder, .. parts]);
        if (path is not null && (File.Exists(path) || Directory.Exists(path))) return path;
        Console.WriteLine($"Not checked: {string.Join('/', parts)} is not here (set NABI_ASSETS).");
        return null;
    }

    private static string? Find()
    {
        if (Environment.GetEnvironmentVariable("NABI_ASSETS") is { Length: > 0 } given) return given;
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (!File.Exists(Path.Combine(folder.FullName, "Nabi.slnx"))) continue;
            // A worktree may lie deeper than the repository: look beside every ancestor.
            for (var parent = folder.Parent; parent is not null; parent = parent.Parent)
            {
                var assets = Path.Combine(parent.FullName, "shared", "assets");
                if (Directory.Exists(assets)) return assets;
            }
        }
        return null;
    }
}

/// <summary>A folder that goes away with the test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("nabi-test-").FullName;

    public string Write(string name, ReadOnlySpan<byte> bytes)
    {
        var path = System.IO.Path.Combine(Path, name);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, bytes);
        return path;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
