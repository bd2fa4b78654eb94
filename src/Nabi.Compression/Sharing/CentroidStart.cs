namespace Nabi.Compression.Sharing;

/// <summary>Where centroids start (Han et al. 2016, "Deep Compression", section 3.2, figure 6). Adding one is adding a
/// sealed subtype whose name ends in Start; recipes name it without that ending.</summary>
public abstract class CentroidStart
{
    private const string Suffix = "-start";

    /// <summary>The names recipes may use.</summary>
    public static IReadOnlyCollection<string> Names { get; } = [.. Named<CentroidStart>.Names.Select(n => n[..^Suffix.Length])];

    /// <summary>The start of this name.</summary>
    /// <exception cref="NabiException">There is none.</exception>
    public static CentroidStart Of(string name) => Named<CentroidStart>.Create(name + Suffix, "initialisation");

    /// <summary>The centroids, in ascending order.</summary>
    /// <param name="sorted">The weights in ascending order, at least one.</param>
    /// <param name="count">How many centroids, at least 1.</param>
    /// <param name="rng">The source of chance.</param>
    public abstract float[] Choose(float[] sorted, int count, Rng rng);
}

/// <summary>Evenly between the smallest and the largest weight: large weights, which are few and matter most, keep centroids of their own.</summary>
public sealed class LinearStart : CentroidStart
{
    /// <inheritdoc/>
    public override float[] Choose(float[] sorted, int count, Rng rng)
    {
        double low = sorted[0], high = sorted[^1];
        var centroids = new float[count];
        for (var k = 0; k < count; k++) centroids[k] = (float)(count == 1 ? (low + high) / 2 : low + ((high - low) * k / (count - 1)));
        return centroids;
    }
}

/// <summary>Where the weights' distribution function passes evenly spaced levels: as many weights for each centroid.</summary>
public sealed class DensityStart : CentroidStart
{
    /// <inheritdoc/>
    public override float[] Choose(float[] sorted, int count, Rng rng)
    {
        var centroids = new float[count];
        for (var k = 0; k < count; k++) centroids[k] = sorted[(int)(((2L * k) + 1) * sorted.Length / (2L * count))];
        return centroids;
    }
}

/// <summary>Weights drawn at random (Forgy).</summary>
public sealed class RandomStart : CentroidStart
{
    /// <inheritdoc/>
    public override float[] Choose(float[] sorted, int count, Rng rng)
    {
        var centroids = new float[count];
        for (var k = 0; k < count; k++) centroids[k] = sorted[rng.Next(sorted.Length)];
        Array.Sort(centroids);
        return centroids;
    }
}
