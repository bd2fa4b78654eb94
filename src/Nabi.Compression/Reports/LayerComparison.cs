namespace Nabi.Compression.Reports;

/// <summary>One layer before and after, matched by name.</summary>
/// <param name="Name">The node.</param>
/// <param name="Before">In the first network; null where it was not there.</param>
/// <param name="After">In the second network; null where it is gone.</param>
public sealed record LayerComparison(string Name, LayerRow? Before, LayerRow? After)
{
    /// <summary>Matches the layers of two networks: those of the first in order, then those that only the second has.</summary>
    public static IReadOnlyList<LayerComparison> Of(IReadOnlyList<LayerRow> before, IReadOnlyList<LayerRow> after)
    {
        var others = after.ToDictionary(l => l.Name, StringComparer.Ordinal);
        var rows = before.Select(b => new LayerComparison(b.Name, b, others.GetValueOrDefault(b.Name))).ToList();
        var known = before.Select(b => b.Name).ToHashSet(StringComparer.Ordinal);
        rows.AddRange(after.Where(a => !known.Contains(a.Name)).Select(a => new LayerComparison(a.Name, null, a)));
        return rows;
    }
}
