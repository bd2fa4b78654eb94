namespace Nabi.Models;

/// <summary>
/// Linformer's attention: softmax(Q (E K)^T / sqrt(d)) F V with E and F [k, n] learned (Wang et al. 2020, eq. 7). MACs per head: 4 n k d rather than 2 n^2 d.
/// One object serves one network, because <see cref="LinformerSharing.Layerwise"/> keeps the projection of the first layer.
/// E and F start Xavier-uniform with gain 1/sqrt(2), as in the authors' code. Every sequence must have the same number of tokens.
/// </summary>
public sealed class LinformerAttention
{
    private Value? _shared;

    /// <summary>k: keys and values that are left. At least 1.</summary>
    public required int ProjectedTokens { get; init; }

    /// <summary>Which projections are one. Default <see cref="LinformerSharing.Layerwise"/>.</summary>
    public LinformerSharing Sharing { get; init; } = LinformerSharing.Layerwise;

    /// <summary>Attends; give it to <see cref="Feature.SelfAttention"/>.</summary>
    /// <param name="queries">[N, heads, T, d].</param>
    /// <param name="keys">[N, heads, n, d].</param>
    /// <param name="values">[N, heads, n, e].</param>
    /// <returns>[N, heads, T, e].</returns>
    /// <exception cref="NabiException"><see cref="ProjectedTokens"/> is below 1, or a shared projection does not fit the number of tokens.</exception>
    public Feature Attend(Feature queries, Feature keys, Feature values)
    {
        if (ProjectedTokens < 1) throw new NabiException($"Linformer cannot project to {ProjectedTokens} tokens; give at least 1.");
        var (heads, tokens) = (keys.Value.Shape[1], keys.Value.Shape[2]);
        var e = Sharing == LinformerSharing.Layerwise ? _shared ??= Projection(keys.Network, "E", heads, tokens) : Projection(keys.Network, "E", heads, tokens);
        if (e.Shape[-1] != tokens) throw new NabiException($"Linformer's shared projection is for {e.Shape[-1]} tokens, but a layer has {tokens}; share it within layers only.");
        var f = Sharing is LinformerSharing.None or LinformerSharing.Headwise ? Projection(keys.Network, "F", heads, tokens) : e;
        return queries.DotProductAttention(Projected(e, keys), Projected(f, values));
    }

    private Value Projection(Network network, string name, int heads, int tokens)
    {
        var limit = Math.Sqrt(0.5 * 6 / (ProjectedTokens + tokens));
        return network.Parameter(name, network.Uniform(Sharing == LinformerSharing.None ? [heads, ProjectedTokens, tokens] : [ProjectedTokens, tokens], limit));
    }

    private static Feature Projected(Value projection, Feature x) => x with { Value = x.Network.Builder.MatMul(projection, x.Value) };
}
