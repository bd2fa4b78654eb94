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
            var (from1, from2, block) = (x1, x2, $"blocks.{i}");
            (x1, x2) = Reversible(from1, from2,
                x => network.Scope(block, () => network.Scope("attn", () => SharedAttention(x.LayerNorm(), heads, attention))),
                x => network.Scope(block, () => network.Scope("mlp", () => x.LayerNorm().Mlp((int)(x.Width * MlpRatio)))));
        }
        return x1 with { Value = network.Builder.Concat(2, x1.Value, x2.Value) };
    });

    /// <summary>y1 = x1 + F(x2), y2 = x2 + G(y1) (section 3, eq. 8; Gomez et al. 2017): from the outputs the inputs can be computed again.</summary>
    internal static (Feature Y1, Feature Y2) Reversible(Feature x1, Feature x2, Func<Feature, Feature> f, Func<Feature, Feature> g)
    {
        var y1 = x1.Add(f(x2));
        return (y1, x2.Add(g(y1)));
    }

    // One projection for queries and keys (section 2, "Hashing attention").
    private static Feature SharedAttention(Feature x, int heads, LshAttention attention)
    {
        var (shared, values) = (x.Linear(x.Width, "qk").SplitHeads(heads), x.Linear(x.Width, "v").SplitHeads(heads));
        return attention.Attend(shared, shared, values).MergeHeads().Linear(x.Width, "proj");
    }
}
