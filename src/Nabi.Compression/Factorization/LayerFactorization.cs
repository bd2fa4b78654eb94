namespace Nabi.Compression.Factorization;

/// <summary>
/// A way to write a layer as several smaller ones. A factorization is a sealed record with a parameterless constructor in one file; recipes find it by its name.
/// </summary>
public abstract record LayerFactorization
{
    /// <summary>The name in recipes: the type's name in lower case with hyphens.</summary>
    public string Name => Named.KebabCase(GetType().Name);

    /// <summary>Decomposes a layer; null when the factorization does not apply to it.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="rng">For iterations that start anywhere.</param>
    /// <param name="cancellation">Ends the work.</param>
    internal abstract Decomposition? Of(FactorLayer layer, Rng rng, CancellationToken cancellation);
}

/// <summary>A layer decomposed: chains of factors by rank.</summary>
internal abstract class Decomposition
{
    /// <summary>The smallest ranks that keep a part of the weight's energy, the sum of its squares.</summary>
    /// <param name="energy">0 to 1.</param>
    public abstract int[] RanksFor(double energy);

    /// <summary>The layers that take the layer's place, first to last.</summary>
    public abstract IReadOnlyList<Factor> Factors(int[] ranks);
}
