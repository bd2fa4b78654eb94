namespace Nabi.Compression.Sharing;

/// <summary>
/// A way to choose the few values that many weights share. Adding one is adding a sealed subtype with a parameterless constructor; recipes name it by its type's
/// name in lower case with hyphens.
/// </summary>
public abstract class Clustering
{
    /// <summary>The names recipes may use.</summary>
    public static IReadOnlyCollection<string> Names => Named<Clustering>.Names;

    /// <summary>The clustering of this name.</summary>
    /// <exception cref="NabiException">There is none.</exception>
    public static Clustering Of(string name) => Named<Clustering>.Create(name, "clustering");

    /// <summary>Chooses values and says which weight takes which.</summary>
    /// <param name="sorted">The weights in ascending order, at least one, all finite.</param>
    /// <param name="start">Centroids to start from, ascending; at least one.</param>
    public abstract Clusters Group(float[] sorted, float[] start);
}

/// <summary>Values that weights share, and where the weights of each end.</summary>
/// <param name="Centroids">The values.</param>
/// <param name="Members">Per weight, in ascending order of weights, the index of its centroid.</param>
public sealed record Clusters(float[] Centroids, int[] Members)
{
    /// <summary>The same clusters without those that have no members.</summary>
    public Clusters WithoutEmpty()
    {
        var places = new int[Centroids.Length];
        Array.Fill(places, -1);
        var kept = new List<float>();
        var members = new int[Members.Length];
        for (var i = 0; i < members.Length; i++)
        {
            ref var place = ref places[Members[i]];
            if (place < 0)
            {
                place = kept.Count;
                kept.Add(Centroids[Members[i]]);
            }
            members[i] = place;
        }
        return new Clusters([.. kept], members);
    }
}
