namespace Nabi.Formats;

/// <summary>Every operator Nabi has, found once by reflection: a new record deriving from <see cref="Op"/> needs nothing here.</summary>
internal static class OpCatalog
{
    private static readonly Dictionary<(string Domain, string Name), OpSchema> Schemas = typeof(Op).Assembly.GetTypes()
        .Where(t => t is { IsAbstract: false } && t.IsSubclassOf(typeof(Op)))
        .Select(t => new OpSchema(t))
        .ToDictionary(s => (s.Domain, s.Name));

    /// <summary>All operators.</summary>
    public static IReadOnlyCollection<OpSchema> All => Schemas.Values;

    /// <summary>Finds an operator; null when Nabi has none of that name.</summary>
    public static OpSchema? Find(string domain, string name) => Schemas.GetValueOrDefault((domain, name));

    /// <summary>The schema of an operator.</summary>
    public static OpSchema Of(Op op) => Find(op.Domain, op.Name) ?? throw new NotSupportedException($"{op.GetType()} is not in the catalogue.");
}
