namespace Nabi.Models;

/// <summary>
/// Reformer (Kitaev et al. 2020): tokens attend within the buckets of a locality-sensitive hash, O(n log n), in reversible blocks. Shown as a classifier of image
/// patches with the widths of DeiT-Ti, chunks of up to 32 tokens, 2 rounds of hashing. Uses width, depth, input and classes. The blocks have the two streams of
/// reversible layers; that training recomputes activations backwards instead of keeping them (section 3) is not done, nor is the feed-forward layer cut into chunks: both save
/// memory and change no number.
/// </summary>
public sealed class Reformer : ModelFamily
{
    private const double MlpRatio = 4;

    /// <inheritdoc/>
    public override IEnumerable<ModelEntry> Entries =>
    [
        new("reformer", "Kitaev, Kaiser, Levskaya 2020, Reformer, sections 2 and 3, with the widths of DeiT-Ti (Touvron et al. 2021, table 1)", [3, 224, 224], 1000,
            "attention within buckets of a hash, reversible blocks", Build),
    ];

    private static Graph Build(ModelOptions options) => PatchClassifier.Build("reformer", options, (x, heads, blocks) =>
    {
        var attention = new LshAttention { ChunkLength = 32, Rounds = 2 };
        var network = x.Network;
        var (x1, x2) = (x, x);
        for (var i = 0; i < blocks; i++)
        {
            // Section 3, eq. 9: y1 = x1 + Attention(x2), y2 = x2 + FeedForward(y1); from (y1, y2) both inputs can be computed again.
            var (from1, from2) = (x1, x2);
            var y1 = x1 = network.Scope($"blocks.{i}", () => from1.Add(network.Scope("attn", () => SharedAttention(from2.LayerNorm(), heads, attention))));
            x2 = network.Scope($"blocks.{i}", () => from2.Add(network.Scope("mlp", () => y1.LayerNorm().Mlp((int)(y1.Width * MlpRatio)))));
        }
        return x1 with { Value = network.Builder.Concat(2, x1.Value, x2.Value) };
    });

    // One projection for queries and keys (section 2, "Hashing attention").
    private static Feature SharedAttention(Feature x, int heads, LshAttention attention)
    {
        var (shared, values) = (x.Linear(x.Width, "qk").SplitHeads(heads), x.Linear(x.Width, "v").SplitHeads(heads));
        return attention.Attend(shared, shared, values).MergeHeads().Linear(x.Width, "proj");
    }
}
