namespace Nabi.Compression;

/// <summary>
/// One step of a recipe: a graph becomes another. A step is a sealed record with a parameterless constructor whose settable
/// properties are its settings in YAML (in lower case with hyphens); recipes find it by its type's name in the same form. Adding
/// one is adding its file.
/// </summary>
public abstract record CompressionStep
{
    /// <summary>The name in recipes: the type's name in lower case with hyphens.</summary>
    public string Name => Named.KebabCase(GetType().Name);

    /// <summary>What is wrong with the settings, as a clause without a full stop; null when nothing is.</summary>
    public virtual string? Fault => null;

    /// <summary>Does the step train, so that it needs training data and time?</summary>
    public virtual bool Trains => false;

    /// <summary>Does the work.</summary>
    /// <exception cref="NabiException">The graph, the data or the settings do not allow it.</exception>
    /// <exception cref="OperationCanceledException">The context was cancelled.</exception>
    public abstract Graph Apply(Graph graph, CompressionContext context);

    /// <summary>A clause for a number that must lie in a range; null when it does.</summary>
    protected static string? OutOfRange(string setting, double value, double from, double to) =>
        value >= from && value <= to ? null : $"{setting} is {value} but must be {from} to {to}";

    /// <summary>A clause for a name that must be one of a few; null when it is.</summary>
    protected static string? NotAmong(string setting, string name, IReadOnlyCollection<string> names) =>
        names.Contains(name) ? null : $"{setting} is '{name}' but must be one of {string.Join(", ", names)}";
}
