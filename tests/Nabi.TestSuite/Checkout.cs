namespace Nabi.TestSuite;

/// <summary>Where the tests run: the checkout, and the evaluation assets that may lie beside it.</summary>
public static class Checkout
{
    /// <summary>The folder of <c>Nabi.slnx</c>.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The assets: where NABI_ASSETS says, or <c>shared/assets</c> beside an ancestor of the checkout; null where there are none.</summary>
    public static string? Assets { get; } = FindAssets();

    /// <summary>A file or folder of the assets; null, with a line on standard error, where it is not on this machine.</summary>
    public static string? Asset(string relative)
    {
        var path = Assets is null ? null : Path.Combine(Assets, relative);
        if (path is not null && (File.Exists(path) || Directory.Exists(path))) return path;
        Console.Error.WriteLine($"Not checked: the asset {relative} is not on this machine (set NABI_ASSETS).");
        return null;
    }

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Nabi.slnx"))) return folder.FullName;
        throw new InvalidOperationException("The tests do not run inside a checkout.");
    }

    private static string? FindAssets()
    {
        if (Environment.GetEnvironmentVariable("NABI_ASSETS") is { Length: > 0 } given) return given;
        for (var above = Directory.GetParent(Root); above is not null; above = above.Parent)
            if (Path.Combine(above.FullName, "shared", "assets") is var assets && Directory.Exists(assets)) return assets;
        return null;
    }
}
