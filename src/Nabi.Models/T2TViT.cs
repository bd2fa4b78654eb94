namespace Nabi.Models;

/// <summary>
/// T2T-ViT: Yuan et al. 2021, "Tokens-to-Token ViT: Training Vision Transformers from Scratch on ImageNet", table 1: overlapping patches become tokens in three
/// soft splits (section 3.1) with a Performer layer after each of the first two, then a deep and narrow transformer (section 3.2). As in the authors'
/// code: one head of 64 features in the Performer layers, 32 fixed orthogonal random features, no biases for queries, keys and values of the backbone, sinusoidal
/// positions, normal weights of deviation 0.02 truncated at two. On inputs up to 64 pixels the first split is 3 x 3, with stride 1 up to 32 pixels and 2 above.
/// </summary>
public sealed class T2TViT : ModelFamily
{
    private const int HeadWidth = 64, Heads = 4, Depth = 7, TokenWidth = 64;
    private const float Epsilon = 1e-5f;

    /// <inheritdoc/>
    public override IEnumerable<ModelEntry> Entries =>
    [
        new("t2t-vit-7", "Yuan et al. 2021, Tokens-to-Token ViT, table 1", [3, 224, 224], 1000, "soft splits, deep and narrow, linear attention on fine tokens", Build)
        {
            ReferenceParameters = 4_300_000, ReferenceMacs = 1_100_000_000,
            Difference = "The paper's 4.3 M hold the fixed positions (197 x 256) and random features (2 x 64 x 32), which do not train: 4,255,694 + 54,528. Its 1.1 G round the sum of the layers down: 223 M in the dense layers of the two Performer layers and 32 M in their attention, 29 M in the projection, 7 x (103 M + 20 M of attention) = 862 M in the blocks: 1,147 M.",
        },
    ];

    private static Graph Build(ModelOptions options)
    {
        var network = new Network("t2t-vit-7", options);
        var (heads, tokenWidth) = (Channels.Scaled(Heads, options.Width), Channels.Scaled(TokenWidth, options.Width));
        var side = options.Input![1];
        var image = network.Input(options.Input);
        var x = side <= 64 ? Unfold(image, 3, side <= 32 ? 1 : 2, 1) : Unfold(image, 7, 4, 2);
        var (height, width) = side <= 64 ? Grid(image, 3, side <= 32 ? 1 : 2, 1) : Grid(image, 7, 4, 2);
        for (var stage = 1; stage <= 2; stage++)
        {
            var from = x;
            image = network.Scope($"tokens{stage}", () => Performer(from, tokenWidth)).TokensToImage(height, width);
            x = Unfold(image, 3, 2, 1);
            (height, width) = Grid(image, 3, 2, 1);
        }
        x = x.Linear(heads * HeadWidth, "project").PrependToken();
        x = x with { Value = network.Builder.Add(x.Value, network.Builder.Constant(Sinusoids(x.Tokens, x.Width), "pos_embed")) };
        for (var i = 0; i < options.Blocks(Depth); i++)
        {
            var from = x;
            x = network.Scope($"blocks.{i}", () => from.TransformerBlock(heads, mlpRatio: 2, qkvBias: false, epsilon: Epsilon));
        }
        return network.Finish(x.LayerNorm(epsilon: Epsilon).Token(0).Linear(options.Classes!.Value, "head"));
    }

    /// <summary>
    /// Overlapping windows of images as tokens (section 3.1, eq. 3): [N, C, H, W] to [N, windows, C * kernel * kernel], windows row by row, channel by channel
    /// and within it the window row by row.
    /// </summary>
    /// <param name="x">Images.</param>
    /// <param name="kernel">Height and width of a window.</param>
    /// <param name="stride">Step from window to window.</param>
    /// <param name="pad">Zeros on every side.</param>
    internal static Feature Unfold(Feature x, int kernel, int stride, int pad)
    {
        var b = x.Network.Builder;
        var (height, width) = Grid(x, kernel, stride, pad);
        var rows = b.Gather(b.Pad(x.Value, 0, 0, pad, pad, 0, 0, pad, pad), Places(height), 2);
        var windows = b.Reshape(b.Gather(rows, Places(width), 3), [Shape.Unknown, x.Channels, height, kernel, width, kernel]);
        return x with { Value = b.Reshape(b.Transpose(windows, 0, 2, 4, 1, 3, 5), [Shape.Unknown, height * width, x.Channels * kernel * kernel]) };

        // Which rows (or columns) the windows hold, one window behind the other.
        Value Places(int count)
        {
            var places = new long[count * kernel];
            for (var i = 0; i < places.Length; i++) places[i] = (i / kernel * stride) + (i % kernel);
            return b.Integers(places);
        }
    }

    private static (int Height, int Width) Grid(Feature image, int kernel, int stride, int pad) =>
        (((image.Value.Shape[2] + (2 * pad) - kernel) / stride) + 1, ((image.Value.Shape[3] + (2 * pad) - kernel) / stride) + 1);

    // The layer between two soft splits: attention whose cost grows with the tokens, not with their square (Choromanski et al. 2021), and an MLP. The values are
    // the shortcut, because the input is wider than the output.
    private static Feature Performer(Feature x, int width)
    {
        var network = x.Network;
        var b = network.Builder;
        var normal = x.LayerNorm("norm1", Epsilon);
        var (k, q, v) = (normal.Linear(width, "k").SplitHeads(1), normal.Linear(width, "q").SplitHeads(1), normal.Linear(width, "v"));
        var directions = network.Drawn("features", [width, Math.Max(1, width / 2)], DrawDirections);
        var (queries, keys) = (FavorAttention.PositiveFeatures(q, directions).Value, FavorAttention.PositiveFeatures(k, directions).Value);
        var mixed = b.MatMul(queries, b.MatMul(b.Transpose(keys, 0, 1, 3, 2), v.SplitHeads(1).Value));
        var sums = b.MatMul(queries, b.Transpose(b.ReduceSum(keys, [2]), 0, 1, 3, 2));
        var y = v.Add((x with { Value = b.Div(mixed, b.Add(sums, 1e-8)) }).MergeHeads().Linear(width, "proj").Dropout(0.1f));
        return y.Add(network.Scope("mlp", () => y.LayerNorm("norm2", Epsilon).Mlp(width).Dropout(0.1f)));
    }

    // [width, count]: orthogonal columns, all of length sqrt(count) as in the authors' code.
    private static void DrawDirections(Rng rng, Tensor directions)
    {
        FavorAttention.Draw(rng, directions, isOrthogonal: true);
        var (width, count) = (directions.Shape[0], directions.Shape[1]);
        var w = directions.Span<float>();
        for (var i = 0; i < count; i++)
        {
            var square = 0.0;
            for (var f = 0; f < width; f++) square += (double)w[(f * count) + i] * w[(f * count) + i];
            for (var f = 0; f < width; f++) w[(f * count) + i] *= (float)Math.Sqrt(count / square);
        }
    }

    // Vaswani et al. 2017, section 3.5: sines on even, cosines on odd features, wavelengths in a geometric progression up to 10000 times 2 pi.
    private static Tensor Sinusoids(int tokens, int width)
    {
        var table = new float[tokens * width];
        for (var i = 0; i < table.Length; i++)
        {
            var (position, feature) = (i / width, i % width);
            var angle = position / Math.Pow(10000, 2 * (feature / 2) / (double)width);
            table[i] = (float)(feature % 2 == 0 ? Math.Sin(angle) : Math.Cos(angle));
        }
        return Tensor.Of<float>([1, tokens, width], table);
    }
}
