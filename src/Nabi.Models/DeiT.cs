namespace Nabi.Models;

/// <summary>
/// DeiT: Touvron et al. 2021, "Training data-efficient image transformers and distillation through attention", table 1: the vision transformer of
/// Dosovitskiy et al. 2021 with 12 blocks and heads of 64 features. Patches of 16 x 16 pixels; of 8 x 8 on inputs up to 64 pixels and of 4 x 4 up to 32.
/// The width scales the number of heads. Initialisation as in the reference code: normal, deviation 0.02, truncated at two of them; biases 0.
/// </summary>
public sealed class DeiT : ModelFamily
{
    /// <summary>Features of a head.</summary>
    internal const int HeadWidth = 64;

    /// <summary>Heads of DeiT-S, which the token-pruned transformers are built from.</summary>
    internal const int SmallHeads = 6;

    private const int Depth = 12;

    private static readonly (string Name, int Heads, long Parameters, long Macs)[] Rows =
        [("deit-tiny", 3, 5_717_416, 1_260_000_000), ("deit-small", SmallHeads, 22_050_664, 4_610_000_000)];

    /// <inheritdoc/>
    public override IEnumerable<ModelEntry> Entries => Rows.Select(row =>
        new ModelEntry(row.Name, "Touvron et al. 2021, DeiT, table 1", [3, 224, 224], 1000, "narrow heads; trains without a larger data set", o => Build(row.Name, row.Heads, o))
        {
            ReferenceParameters = row.Parameters,
            ReferenceMacs = row.Macs,
        });

    private static Graph Build(string name, int heads, ModelOptions options)
    {
        var network = new Network(name, options);
        return network.Finish(Classify(Encode(network.Input(options.Input!), heads, options, (x, at) => x.TransformerBlock(at.Heads)), options));
    }

    /// <summary>Patches, class token, positions, blocks and the last normalization.</summary>
    /// <param name="image">[N, C, H, W].</param>
    /// <param name="heads">Heads at width 1.</param>
    /// <param name="options">Width and depth.</param>
    /// <param name="block">A block from its tokens and its place; what it makes is named <c>blocks.i</c>.</param>
    /// <returns>Tokens [N, T, D], the class token first.</returns>
    internal static Feature Encode(Feature image, int heads, ModelOptions options, Func<Feature, BlockPlace, Feature> block)
    {
        var (own, depth) = (Channels.Scaled(heads, options.Width), options.Blocks(Depth));
        var x = image.PatchEmbed(PatchSize(image), own * HeadWidth).PrependToken().AddPositions();
        for (var i = 0; i < depth; i++)
        {
            var (from, place) = (x, new BlockPlace(i, depth, own));
            x = image.Network.Scope($"blocks.{i}", () => block(from, place));
        }
        return x.LayerNorm();
    }

    private static int PatchSize(Feature image) => image.Value.Shape[2] switch { <= 32 => 4, <= 64 => 8, _ => 16 };

    /// <summary>The scores, from the class token.</summary>
    internal static Feature Classify(Feature tokens, ModelOptions options) => tokens.Token(0).Linear(options.Classes!.Value, "head");
}

/// <summary>The place of a block in a transformer.</summary>
/// <param name="Index">Blocks before it.</param>
/// <param name="Depth">All blocks.</param>
/// <param name="Heads">Its attention heads.</param>
internal readonly record struct BlockPlace(int Index, int Depth, int Heads)
{
    /// <summary>1, 2 and 3 for the blocks that begin the second, third and fourth quarter: blocks 4, 7 and 10 of 12, where tokens are pruned; else 0.</summary>
    public int Stage
    {
        get
        {
            for (var stage = 1; stage < 4; stage++)
                if (Index > 0 && Index == (stage * Depth + 3) / 4) return stage;
            return 0;
        }
    }
}
