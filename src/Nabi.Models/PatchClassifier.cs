namespace Nabi.Models;

/// <summary>
/// The frame that the efficient attentions are shown in: an image as a sequence of patches, an encoder with the widths of DeiT-Ti (Touvron et al. 2021, table 1:
/// 192 features, 12 blocks, 3 heads of 64), the mean of all tokens and a dense layer, so that the networks differ in their attention only.
/// </summary>
internal static class PatchClassifier
{
    private const int DeitWidth = 192, DeitBlocks = 12, HeadWidth = 64;

    /// <summary>Builds a classifier of images.</summary>
    /// <param name="name">The graph's name.</param>
    /// <param name="options">Width, depth, input and classes are used.</param>
    /// <param name="encoder">From tokens [N, T, D], heads and blocks to tokens [N, T, E].</param>
    public static Graph Build(string name, ModelOptions options, Func<Feature, int, int, Feature> encoder)
    {
        var network = new Network(name, options);
        var heads = Math.Max(1, (int)Math.Round(DeitWidth * options.Width / HeadWidth));
        var width = heads * Math.Max(8, (int)Math.Round(DeitWidth * options.Width / heads / 8) * 8);
        var tokens = network.Input(options.Input!).PatchEmbed(PatchSize(options.Input!), width).AddPositions();
        return network.Finish(encoder(tokens, heads, options.Blocks(DeitBlocks)).LayerNorm().MeanToken().Dense(options.Classes!.Value, "head"));
    }

    /// <summary>Builds a classifier whose encoder is transformer blocks with another attention.</summary>
    /// <param name="name">The graph's name.</param>
    /// <param name="options">Width, depth, input and classes are used.</param>
    /// <param name="attention">From tokens [N, T, D] and heads to what <see cref="Feature.TransformerBlock"/> attends with.</param>
    public static Graph Build(string name, ModelOptions options, Func<Feature, int, Func<Feature, Feature, Feature, Feature>> attention) => Build(name, options, (x, heads, blocks) =>
    {
        var attend = attention(x, heads);
        for (var i = 0; i < blocks; i++)
        {
            var from = x;
            x = x.Network.Scope($"blocks.{i}", () => from.TransformerBlock(heads, attend: attend));
        }
        return x;
    });

    // 224 pixels give 28 x 28 patches, 64 and 32 give 16 x 16, 28 give 14 x 14: sequences of some hundred tokens.
    private static int PatchSize(Shape image) => Math.Max(image[1], image[2]) switch { > 64 => 8, > 32 => 4, _ => 2 };
}
