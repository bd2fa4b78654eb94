using System.Globalization;
using Nabi.Ops;

namespace Nabi.Models;

/// <summary>
/// Mobile-Former (Chen et al. 2022, "Mobile-Former: Bridging MobileNet and Transformer", tables 1, 11 and 12): a MobileNet over the image and a
/// transformer over a handful of learned tokens, side by side, with a light cross attention in both directions in every block. The tokens also
/// give the MobileNet its activation (dynamic ReLU, Chen et al. 2020). Convolutions start He by fan-out, tokens normal with deviation 1
/// as in the authors' code, dense layers truncated normal with deviation 0.02 (theirs 0.01). On inputs of 64 pixels and less the first stride is 1.
/// </summary>
public sealed class MobileFormer : ModelFamily
{
    private const int BridgeHeads = 2;
    private const int FormerHeads = 4;

    // Lite: bottleneck without tokens. Down: two depthwise and two pointwise convolutions, the first with stride 2. Plain: inverted residual.
    private enum Block
    {
        Lite,
        Down,
        Plain,
    }

    private sealed record Size(string Name, int Stem, int Tokens, int TokenWidth, int Features, (Block Block, int Expand, int Channels, int Stride)[] Rows, int Groups = 1);

    private static readonly (Block Block, int Expand, int Channels, int Stride)[] Rows52 =
    [
        (Block.Lite, 3, 12, 2), (Block.Plain, 3, 12, 1), (Block.Down, 6, 24, 2), (Block.Plain, 3, 24, 1),
        (Block.Down, 6, 48, 2), (Block.Plain, 4, 48, 1), (Block.Plain, 6, 64, 1), (Block.Down, 6, 96, 2), (Block.Plain, 6, 96, 1),
    ];

    private static readonly (Block Block, int Expand, int Channels, int Stride)[] Rows96 =
    [
        (Block.Lite, 2, 12, 1), (Block.Down, 6, 16, 2), (Block.Down, 6, 32, 2), (Block.Plain, 3, 32, 1),
        (Block.Down, 6, 64, 2), (Block.Plain, 4, 64, 1), (Block.Plain, 6, 88, 1), (Block.Down, 6, 128, 2), (Block.Plain, 6, 128, 1),
    ];

    /// <inheritdoc/>
    public override IEnumerable<ModelEntry> Entries =>
    [
        Entry(new Size("mobile-former-26m", 8, 3, 128, 1024, Rows52, Groups: 4), 3.2, 26, 1.21, 0.82),
        Entry(new Size("mobile-former-52m", 8, 3, 128, 1024, Rows52), 3.5, 52, 1.21, 0.82),
        Entry(new Size("mobile-former-96m", 12, 4, 128, 1280, Rows96), 4.6, 96, 2.11, 1.22),
        Entry(new Size("mobile-former-151m", 12, 6, 192, 1280, Rows(12, (16, 3), (32, 3), 64, 88, 128)), 7.6, 151, 2.77, 1.8),
        Entry(new Size("mobile-former-214m", 12, 6, 192, 1600, Rows(12, (20, 3), (40, 4), 80, 112, 160)), 9.4, 214, 3.32, 2.26),
        Entry(new Size("mobile-former-294m", 16, 6, 192, 1920, Rows(16, (24, 4), (48, 4), 96, 128, 192)), 11.4, 294, 4.22, 2.88),
        Entry(new Size("mobile-former-508m", 24, 6, 192, 1920, Rows(24, (40, 3), (72, 3), 128, 176, 240)), 14.0, 508, 5.95, 3.94),
    ];

    // The elements in millions are for the explanation of the difference only.
    private static ModelEntry Entry(Size size, double parameters, double macs, double batchNormalized, double activated) =>
        new(size.Name, "Chen et al. 2022, Mobile-Former, tables 11 and 12", [3, 224, 224], 1000, "a few global tokens beside a MobileNet", o => Build(size, o))
        {
            ReferenceParameters = (long)(parameters * 1e6),
            ReferenceMacs = (long)(macs * 1e6),
            Difference = string.Create(CultureInfo.InvariantCulture,
                $"The paper gives parameters to the printed digit; its MACs are met within 2 % when each batch-normalized element ({batchNormalized} M) and each dynamic ReLU ({activated} M) counts as one more."),
        };

    // The sizes from 151M on differ in channels and in the expansion of the first two plain blocks only.
    private static (Block, int, int, int)[] Rows(int lite, (int Channels, int Expand) second, (int Channels, int Expand) third, int fourth, int wider, int fifth) =>
    [
        (Block.Lite, 2, lite, 1), (Block.Down, 6, second.Channels, 2), (Block.Plain, second.Expand, second.Channels, 1),
        (Block.Down, 6, third.Channels, 2), (Block.Plain, third.Expand, third.Channels, 1),
        (Block.Down, 6, fourth, 2), (Block.Plain, 4, fourth, 1), (Block.Plain, 6, wider, 1), (Block.Plain, 6, wider, 1),
        (Block.Down, 6, fifth, 2), (Block.Plain, 6, fifth, 1), (Block.Plain, 6, fifth, 1),
    ];

    private static Graph Build(Size size, ModelOptions options)
    {
        var network = new Network(size.Name, options);
        int C(int channels) => Channels.Divisible(channels * options.Width, 4);
        var x = network.Input(options.Input!).Conv(C(size.Stem), 3, options.Input![1] <= 64 ? 1 : 2, name: "stem.conv").BatchNorm("stem.bn").Relu6();
        var tokenWidth = Channels.Divisible(size.TokenWidth * options.Width);
        var tokens = new Feature(network, network.Parameter("tokens", network.Normal([1, size.Tokens, tokenWidth], 1)));
        var index = 0;
        foreach (var (block, expand, channels, stride) in size.Rows)
        {
            for (var i = 0; i < (block == Block.Plain ? options.Blocks(1) : 1); i++, index++)
            {
                var (local, global, mobile) = (x, tokens, new Mobile(expand, C(channels), stride, size.Groups));
                if (block != Block.Lite)
                {
                    global = tokens = network.Scope($"block{index}.to_former", () => MobileToFormer(local, global));
                    global = tokens = network.Scope($"block{index}.former", () => Former(global));
                }
                x = network.Scope($"block{index}.mobile", () => block switch
                {
                    Block.Lite => mobile.Lite(local),
                    Block.Down => mobile.Down(local, global.Token(0)),
                    _ => mobile.Plain(local, global.Token(0)),
                });
                var made = x;
                if (block != Block.Lite) x = network.Scope($"block{index}.to_mobile", () => FormerToMobile(made, global));
            }
        }
        var features = Channels.Divisible(size.Features * options.Width);
        return network.Finish(network.Scope("head", () => Head(x, MobileToFormer(x, tokens).Token(0), features, size.Groups)).Dropout(0.2f).Dense(options.Classes!.Value));
    }

    /// <summary>
    /// Mobile to Former (section 3.2, eq. 1): the tokens ask, the image [N, C, H, W] is key and value as it is, without projections. The answer is scaled by a
    /// factor from the tokens, as in the authors' code, projected back to [N, T, D] and added; layer normalization follows.
    /// </summary>
    internal static Feature MobileToFormer(Feature local, Feature tokens)
    {
        var image = local.ImageToTokens().SplitHeads(BridgeHeads);
        var answer = tokens.Linear(local.Channels, "q").SplitHeads(BridgeHeads).DotProductAttention(image, image).MergeHeads();
        var scale = Doubled(tokens.Linear(local.Channels, "alpha").Apply(HardSigmoid));
        return tokens.Add(answer.Mul(scale).Linear(tokens.Width, "proj")).LayerNorm(epsilon: 1e-5f);
    }

    /// <summary>
    /// Former to Mobile (section 3.2, eq. 2): the image [N, C, H, W] asks as it is, the tokens [N, T, D] are projected to keys and values; the answer is added to the image.
    /// </summary>
    internal static Feature FormerToMobile(Feature local, Feature tokens)
    {
        var (keys, values) = (tokens.Linear(local.Channels, "k").SplitHeads(BridgeHeads), tokens.Linear(local.Channels, "v").SplitHeads(BridgeHeads));
        var answer = local.ImageToTokens().SplitHeads(BridgeHeads).DotProductAttention(keys, values).MergeHeads();
        return local.Add(answer.TokensToImage(local.Value.Shape[2], local.Value.Shape[3]));
    }

    /// <summary>
    /// Dynamic ReLU with two lines through the origin (Chen et al. 2020, eq. 3, with K = 2 and no intercepts): max(a1 x, a2 x) for each channel, where a1 in [0, 2]
    /// starts at 1 and a2 in [-1, 1] starts at 0. The slopes come from one token [N, D] through two dense layers (Mobile-Former, section 3.3).
    /// </summary>
    internal static Feature DynamicRelu(Feature x, Feature token, string name)
    {
        var (b, channels) = (x.Network.Builder, x.Channels);
        var slopes = Doubled(token.Linear(Math.Max(1, token.Width / 4), $"{name}.fc1").Relu().Linear(2 * channels, $"{name}.fc2").Apply(HardSigmoid));
        var wide = slopes with { Value = b.Unsqueeze(slopes.Value, 2, 3) };
        var (first, second) = (wide.Slice(0, channels), wide.Slice(channels, 2 * channels));
        return x with { Value = b.Max(b.Mul(x.Value, first.Value), b.Mul(x.Value, b.Add(second.Value, -1.0))) };
    }

    // Section 3.3: attention among the tokens, whose keys and values are not projected either, and a multilayer perceptron, each normalized after the addition.
    private static Feature Former(Feature tokens)
    {
        var heads = tokens.SplitHeads(FormerHeads);
        var answer = tokens.Linear(tokens.Width, "q").SplitHeads(FormerHeads).DotProductAttention(heads, heads).MergeHeads().Linear(tokens.Width, "proj");
        var x = tokens.Add(answer).LayerNorm("attention.norm", 1e-5f);
        return x.Add(x.Mlp(2 * x.Width)).LayerNorm("mlp.norm", 1e-5f);
    }

    // Section 3.3: the pooled image beside the first token, through two dense layers (the second is the classifier).
    private static Feature Head(Feature x, Feature token, int features, int groups)
    {
        var pooled = Shuffled(x, groups).Conv(6 * x.Channels, 1, groups: groups).BatchNorm().Relu6().GlobalAveragePool().HardSwish().Flatten();
        return pooled.Concat(token).Dense(features).BatchNorm("fc.bn").HardSwish();
    }

    private static HardSigmoid HardSigmoid => new() { Alpha = 1 / 6f, Beta = 0.5f };

    private static Feature Doubled(Feature x) => x with { Value = x.Network.Builder.Mul(x.Value, 2.0) };

    private static Feature Shuffled(Feature x, int groups) => groups == 1 ? x : x.ChannelShuffle(groups);

    // The Mobile sub-blocks (section 3.3, figure 3; the lite bottleneck is MicroNet's). With groups, channels are shuffled between grouped 1x1 convolutions.
    private sealed record Mobile(int Expand, int Channels, int Stride, int Groups)
    {
        public Feature Lite(Feature x)
        {
            var y = Project(Spread(x, Expand, Stride, "depthwise").Relu6(), "project");
            return Stride == 1 && x.Channels == Channels ? y.Add(x) : y;
        }

        public Feature Plain(Feature x, Feature token)
        {
            var y = Shuffled(x.Conv(x.Channels * Expand, 1, groups: Groups, name: "expand").BatchNorm("expand.bn"), Groups);
            y = DynamicRelu(y, token, "expand.relu").Depthwise(3, Stride).BatchNorm("depthwise.bn");
            y = Shuffled(Project(DynamicRelu(y, token, "depthwise.relu"), "project"), Groups);
            return Stride == 1 && x.Channels == Channels ? y.Add(x) : y;
        }

        public Feature Down(Feature x, Feature token)
        {
            var y = Project(DynamicRelu(Spread(x, Expand, Stride, "depthwise1"), token, "relu1"), "project1");
            return y.Add(Project(DynamicRelu(Spread(y, 4, 1, "depthwise2"), token, "relu2"), "project2"));
        }

        // A depthwise convolution with several filters for each channel.
        private Feature Spread(Feature x, int expand, int stride, string name) =>
            Shuffled(x.Conv(x.Channels * expand, 3, stride, groups: x.Channels, name: name).BatchNorm($"{name}.bn"), Groups == 1 ? 1 : x.Channels);

        private Feature Project(Feature x, string name) => x.Conv(Channels, 1, groups: Groups, name: name).BatchNorm($"{name}.bn");
    }
}
