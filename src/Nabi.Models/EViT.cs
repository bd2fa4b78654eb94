using Nabi.Ops;

namespace Nabi.Models;

/// <summary>
/// EViT: Liang et al. 2022, "Not All Patches are What You Need: Expediting Vision Transformers via Token Reorganizations", on DeiT-S. In blocks 4, 7 and 10 the
/// tokens that the class token attends to most are kept; the others become one token. Initialisation as <see cref="DeiT"/>.
/// </summary>
public sealed class EViT : ModelFamily
{
    /// <inheritdoc/>
    public override IEnumerable<ModelEntry> Entries =>
    [
        new("evit-deit-small-0.7", "Liang et al. 2022, EViT, table 1 (keep rate 0.7)", [3, 224, 224], 1000, "inattentive tokens are fused",
            o => Build("evit-deit-small-0.7", 0.7, o))
        {
            ReferenceParameters = 22_050_664, ReferenceMacs = 3_000_000_000,
        },
    ];

    /// <summary>The network at another keep rate.</summary>
    /// <param name="name">The graph's name.</param>
    /// <param name="keep">Share of the tokens beside the class token that each of the three blocks keeps, in (0, 1]; at 1 it is DeiT-S.</param>
    /// <param name="options">Width, depth, input and classes, all given.</param>
    internal static Graph Build(string name, double keep, ModelOptions options)
    {
        var network = new Network(name, options);
        return network.Finish(DeiT.Classify(DeiT.Encode(network.Input(options.Input!), DeiT.SmallHeads, options, (x, at) => Block(x, at, keep)), options));
    }

    private static Feature Block(Feature x, BlockPlace at, double keep)
    {
        // Tokens are counted with the fused one of the stage before, as the reference code does.
        var kept = (int)Math.Ceiling(keep * (x.Tokens - 1));
        if (at.Stage == 0 || kept == x.Tokens - 1) return x.TransformerBlock(at.Heads);
        var weights = x;
        return x.TransformerBlock(at.Heads,
            attend: (q, k, v) =>
            {
                weights = q.AttentionWeights(k);
                return weights with { Value = x.Network.Builder.MatMul(weights.Value, v.Value) };
            },
            between: tokens => Reorganize(tokens, Attentiveness(weights), kept));
    }

    /// <summary>The attention of the class token to every other one, the mean over heads (section 3.2): [N, heads, T, T] to [N, T - 1].</summary>
    internal static Feature Attentiveness(Feature weights)
    {
        var b = weights.Network.Builder;
        return weights with { Value = b.ReduceMean(b.Squeeze(b.Slice(b.Slice(weights.Value, 2, 0, 1), 3, 1), 2), [1], keepdims: false) };
    }

    /// <summary>
    /// The class token, the <paramref name="kept"/> most attentive tokens, most attentive first, and the sum of all others weighted by their
    /// attentiveness (section 3.2).
    /// </summary>
    /// <param name="tokens">[N, T, D], the class token first.</param>
    /// <param name="attentiveness">[N, T - 1].</param>
    /// <param name="kept">1 to T - 2.</param>
    /// <returns>[N, kept + 2, D].</returns>
    internal static Feature Reorganize(Feature tokens, Feature attentiveness, int kept)
    {
        var b = tokens.Network.Builder;
        var count = tokens.Tokens - 1;
        var ranked = b.ApplyAll(new TopK(), 2, attentiveness.Value, b.Integers(count));
        var others = tokens.TokenRange(1, tokens.Tokens).GatherTokens(ranked[1]);
        var inattentive = b.Unsqueeze(b.Slice(ranked[0], 1, kept), 1);
        var fused = others with { Value = b.MatMul(inattentive, others.TokenRange(kept, count).Value) };
        return tokens.TokenRange(0, 1).Concat(others.TokenRange(0, kept), fused);
    }
}
