namespace Nabi.Models;

/// <summary>A family of architectures: one file with the paper's table as data and a loop. Families are found by <see cref="Zoo"/>.</summary>
public abstract class ModelFamily
{
    /// <summary>The networks of the family.</summary>
    public abstract IEnumerable<ModelEntry> Entries { get; }
}
