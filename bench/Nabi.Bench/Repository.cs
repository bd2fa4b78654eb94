namespace Nabi.Bench;

/// <summary>Where this checkout is.</summary>
internal static class Repository
{
    /// <summary>The folder that holds the solution.</summary>
    public static string Root { get; } = Find();

    /// <summary>Where measurements are kept.</summary>
    public static string Results => Path.Combine(Root, "bench", "results");

    private static string Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Nabi.slnx"))) return folder.FullName;
        throw new NabiException("The bench must run from a checkout of Nabi.");
    }
}
