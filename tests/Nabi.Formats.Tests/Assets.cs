namespace Nabi.Formats.Tests;

/// <summary>Where the shared evaluation assets are: beside the repository, or where NABI_ASSETS says.</summary>
internal static class Assets
{
    public static string? Root { get; } = Find();

    /// <summary>A file or folder of the assets; null, with a line on standard error, when the assets are not on this machine.</summary>
    public static string? Path(string relative)
    {
        var path = Root is null ? null : System.IO.Path.Combine(Root, relative);
        if (path is not null && (File.Exists(path) || Directory.Exists(path))) return path;
        Console.Error.WriteLine($"Not checked: the asset {relative} is not on this machine (set NABI_ASSETS).");
        return null;
    }

    private static string? Find()
    {
        if (Environment.GetEnvironmentVariable("NABI_ASSETS") is { Length: > 0 } given) return given;
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (!File.Exists(System.IO.Path.Combine(folder.FullName, "Nabi.slnx"))) continue;
            for (var above = folder.Parent; above is not null; above = above.Parent)
                if (Directory.Exists(System.IO.Path.Combine(above.FullName, "shared", "assets"))) return System.IO.Path.Combine(above.FullName, "shared", "assets");
        }
        return null;
    }
}
