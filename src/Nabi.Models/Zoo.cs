namespace Nabi.Models;

/// <summary>The zoo: every network of every family in this assembly.</summary>
public static class Zoo
{
    /// <summary>All networks, by name.</summary>
    public static IReadOnlyList<ModelEntry> All { get; } =
    [
        .. typeof(Zoo).Assembly.GetTypes()
            .Where(t => t.IsSubclassOf(typeof(ModelFamily)) && !t.IsAbstract)
            .Select(t => (ModelFamily)Activator.CreateInstance(t)!)
            .SelectMany(family => family.Entries)
            .OrderBy(entry => entry.Name, StringComparer.Ordinal),
    ];

    /// <summary>Finds a network by name.</summary>
    /// <exception cref="NabiException">There is none; the sentence lists the nearest names.</exception>
    public static ModelEntry Find(string name)
    {
        foreach (var entry in All)
            if (entry.Name.Equals(name, StringComparison.OrdinalIgnoreCase)) return entry;
        var stem = name.Split('-')[0].TrimEnd("0123456789".ToCharArray());
        var near = stem.Length == 0 ? [] : All.Where(e => e.Name.Contains(stem, StringComparison.OrdinalIgnoreCase)).Select(e => e.Name).ToArray();
        throw new NabiException($"There is no network '{name}' in the zoo; "
            + (near.Length > 0 ? $"nearest: {string.Join(", ", near)} ('nabi models' lists all)." : $"there are {string.Join(", ", All.Select(e => e.Name))}."));
    }
}
