using System.Text;

namespace Nabi.Compression;

/// <summary>
/// The table of things that recipes name: every sealed subtype with a parameterless constructor, under its type's name in lower
/// case with hyphens. Adding one is adding its file.
/// </summary>
internal static class Named
{
    /// <summary><c>BatchNormScale</c> to <c>batch-norm-scale</c>, <c>L1</c> to <c>l1</c>.</summary>
    public static string KebabCase(string name)
    {
        var text = new StringBuilder();
        for (var i = 0; i < name.Length; i++)
        {
            if (char.IsUpper(name[i]) && i > 0 && !char.IsUpper(name[i - 1])) text.Append('-');
            text.Append(char.ToLowerInvariant(name[i]));
        }
        return text.ToString();
    }
}

/// <summary>The named subtypes of one abstract type.</summary>
/// <typeparam name="T">The abstract type.</typeparam>
internal static class Named<T> where T : class
{
    private static readonly SortedDictionary<string, Type> Types = Find();

    /// <summary>The names, in alphabetical order.</summary>
    public static IReadOnlyCollection<string> Names => Types.Keys;

    /// <summary>A new object of the named type.</summary>
    /// <param name="name">The name.</param>
    /// <param name="kind">What such a thing is called, for the message.</param>
    /// <exception cref="NabiException">There is none; the message lists those there are.</exception>
    public static T Create(string name, string kind) => Types.TryGetValue(name, out var type)
        ? (T)Activator.CreateInstance(type)!
        : throw new NabiException($"There is no {kind} '{name}'; there are {string.Join(", ", Names)}.");

    private static SortedDictionary<string, Type> Find()
    {
        var types = new SortedDictionary<string, Type>(StringComparer.Ordinal);
        foreach (var type in typeof(Named).Assembly.GetTypes())
            if (type.IsSubclassOf(typeof(T)) && type.IsSealed
                && type.GetConstructor(Type.EmptyTypes) is not null) types.Add(Named.KebabCase(type.Name), type);
        return types;
    }
}
