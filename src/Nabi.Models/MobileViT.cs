using System.Globalization;
using Nabi.Ops;

namespace Nabi.Models;

/// <summary>
/// MobileViT (Mehta and Rastegari 2022, "MobileViT: Light-weight, General-purpose, and Mobile-friendly Vision Transformer", table 4): MobileNetV2
/// blocks, and between convolutions transformers that see each pixel of a patch together with the same pixel of every other patch. Start values
/// are those of its reference code (ml-cvnets): convolutions He by fan-out, dense layers truncated normal with deviation 0.02.
/// On inputs of 64 pixels and less the first stride is 1.
/// </summary>
public sealed class MobileViT : ModelFamily
{
    private const int Patch = 2;
    private const int Heads = 4;

    // Transformers of the last three stages, the same at every size.
    private static readonly int[] Transformers = [2, 4, 3];

    // Channels after stem and stages 1 to 5; features of a token in stages 3 to 5.
    private sealed record Size(string Name, int Expand, int[] Stages, int[] Tokens);

    /// <inheritdoc/>
    public override IEnumerable<ModelEntry> Entries =>
    [
        Entry(new Size("mobilevit-xxs", 2, [16, 16, 24, 48, 64, 80], [64, 80, 96]), 1_272_024, 420_000_000, 4.02, 0.56),
        Entry(new Size("mobilevit-xs", 4, [16, 32, 48, 64, 80, 96], [96, 120, 144]), 2_317_848, 1_050_000_000, 11.05, 0.83),
        Entry(new Size("mobilevit-s", 4, [16, 32, 64, 96, 128, 160], [144, 192, 240]), 5_578_632, 2_030_000_000, 13.06, 1.29),
    ];

    // The normalized elements in millions are for the explanation of the difference only.
    private static ModelEntry Entry(Size size, long parameters, long macs, double batchNormalized, double layerNormalized) =>
        new(size.Name, "Mehta and Rastegari 2022, MobileViT, table 4", [3, 256, 256], 1000, "transformers as convolutions, over few tokens", o => Build(size, o))
        {
            ReferenceParameters = parameters,
            ReferenceMacs = macs,
            Difference = string.Create(CultureInfo.InvariantCulture,
                $"The reference's figure is met when two operations count for each batch-normalized element (2 * {batchNormalized} M) and five for each layer-normalized one (5 * {layerNormalized} M): {2 * batchNormalized + 5 * layerNormalized:F1} M more."),
        };

    private static Graph Build(Size size, ModelOptions options)
    {
        var network = new Network(size.Name, options);
        int C(int channels) => Channels.Divisible(channels * options.Width);
        var x = ConvBnSilu(network.Input(options.Input!), C(size.Stages[0]), 3, options.Input![1] <= 64 ? 1 : 2, "stem");
        x = InvertedResiduals(x, "stage1", size.Expand, C(size.Stages[1]), 1, 1);
        x = InvertedResiduals(x, "stage2", size.Expand, C(size.Stages[2]), options.Blocks(3), 2);
        for (var i = 0; i < Transformers.Length; i++)
        {
            var (from, width, depth) = (InvertedResiduals(x, $"stage{i + 3}", size.Expand, C(size.Stages[i + 3]), 1, 2), C(size.Tokens[i]), options.Blocks(Transformers[i]));
            x = network.Scope($"stage{i + 3}.mobilevit", () => Block(from, width, depth));
        }
        x = ConvBnSilu(x, Math.Min(4 * x.Channels, 960), 1, 1, "head");
        return network.Finish(x.GlobalAveragePool().Flatten().Dropout(0.1f).Dense(options.Classes!.Value));
    }

    private static Feature InvertedResiduals(Feature x, string stage, int expand, int channels, int repeat, int stride)
    {
        for (var i = 0; i < repeat; i++)
        {
            var (from, step) = (x, i == 0 ? stride : 1);
            x = x.Network.Scope($"{stage}.{i}", () => from.InvertedResidual(Channels.Divisible(from.Channels * expand), channels, 3, step, f => f.Silu()));
        }
        return x;
    }

    // Section 3.1: local by convolution, global by transformers over unfolded patches, fused with the input by a convolution.
    private static Feature Block(Feature input, int width, int depth)
    {
        var channels = input.Channels;
        var local = ConvBnSilu(input, channels, 3, 1, "local").Conv(width, 1, name: "to_tokens");
        var (height, breadth) = (local.Value.Shape[2], local.Value.Shape[3]);
        var (rows, columns) = ((height + Patch - 1) / Patch, (breadth + Patch - 1) / Patch);
        var tokens = Unfold(Resized(local, rows * Patch, columns * Patch), Patch);
        for (var i = 0; i < depth; i++)
        {
            var from = tokens;
            tokens = input.Network.Scope($"transformer{i}", () => from.TransformerBlock(Heads, 2, epsilon: 1e-5f, activation: f => f.Silu()));
        }
        var global = Resized(Fold(tokens.LayerNorm(epsilon: 1e-5f), Patch, rows, columns), height, breadth);
        return ConvBnSilu(input.Concat(ConvBnSilu(global, channels, 1, 1, "from_tokens")), channels, 3, 1, "fuse");
    }

    /// <summary>
    /// [N, D, H, W] to [N * patch * patch, H / patch * W / patch, D]: one sequence for each pixel of a patch, over all patches row by row.
    /// </summary>
    internal static Feature Unfold(Feature image, int patch)
    {
        var (b, shape) = (image.Network.Builder, image.Value.Shape);
        var (width, rows, columns) = (shape[1], shape[2] / patch, shape[3] / patch);
        var cut = b.Reshape(image.Value, [Shape.Unknown, width, rows, patch, columns, patch]);
        return image with { Value = b.Reshape(b.Transpose(cut, 0, 3, 5, 2, 4, 1), [Shape.Unknown, rows * columns, width]) };
    }

    /// <summary>The inverse of <see cref="Unfold"/>.</summary>
    internal static Feature Fold(Feature tokens, int patch, int rows, int columns)
    {
        var b = tokens.Network.Builder;
        var cut = b.Reshape(tokens.Value, [Shape.Unknown, patch, patch, rows, columns, tokens.Width]);
        return tokens with { Value = b.Reshape(b.Transpose(cut, 0, 5, 3, 1, 4, 2), [Shape.Unknown, tokens.Width, rows * patch, columns * patch]) };
    }

    // Maps that patches do not divide are resampled, as in the reference code.
    private static Feature Resized(Feature image, int height, int width) => image.Value.Shape[2] == height && image.Value.Shape[3] == width
        ? image
        : image with { Value = image.Network.Builder.Apply(new Resize { Mode = "linear", Axes = [2, 3] }, image.Value, null, null, image.Network.Builder.Integers(height, width)) };

    private static Feature ConvBnSilu(Feature x, int channels, int kernel, int stride, string name) =>
        x.Conv(channels, kernel, stride, name: $"{name}.conv").BatchNorm($"{name}.bn").Silu();
}
