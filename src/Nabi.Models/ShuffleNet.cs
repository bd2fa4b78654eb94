namespace Nabi.Models;

/// <summary>
/// ShuffleNet v1 (Zhang et al. 2018, table 1, three groups) and v2 (Ma et al. 2018, "ShuffleNet V2: Practical Guidelines for Efficient CNN
/// Architecture Design", table 5), whose four guidelines ask for equal channel widths, few groups, little fragmentation and few elementwise operations.
/// </summary>
public sealed class ShuffleNet : ModelFamily
{
    private static readonly int[] Repeats = [4, 8, 4];

    /// <inheritdoc/>
    public override IEnumerable<ModelEntry> Entries =>
    [
        new("shufflenet-v1", "Zhang et al. 2018, ShuffleNet, table 1 (g = 3)", [3, 224, 224], 1000, "grouped 1x1 convolutions and channel shuffle", V1)
        {
            ReferenceParameters = 1_870_000, ReferenceMacs = 140_000_000,
        },
        V2("shufflenet-v2-0.5", [48, 96, 192], 1_366_792, 41_000_000),
        V2("shufflenet-v2-1.0", [116, 232, 464], 2_278_604, 146_000_000),
    ];

    private static ModelEntry V2(string name, int[] channels, long parameters, long macs) =>
        new(name, "Ma et al. 2018, ShuffleNet V2, table 5", [3, 224, 224], 1000, "channel split, concatenation and shuffle", o => V2(name, channels, o))
        {
            ReferenceParameters = parameters,
            ReferenceMacs = macs,
        };

    private static Graph V1(ModelOptions options)
    {
        const int groups = 3;
        var network = new Network("shufflenet-v1", options);
        var x = Stem(network, options, Channels.Divisible(24 * options.Width, 3));
        for (var stage = 0; stage < Repeats.Length; stage++)
        {
            var channels = Channels.Divisible((240 << stage) * options.Width, 12);
            for (var i = 0; i < options.Blocks(Repeats[stage]); i++)
            {
                var (from, isFirst, reduce) = (x, i == 0, stage == 0 && i == 0 ? 1 : groups);
                x = network.Scope($"stage{stage + 2}.{i}", () => Unit(from, channels, isFirst, reduce));
            }
        }
        return network.Finish(x.GlobalAveragePool().Flatten().Dense(options.Classes!.Value));

        // Figure 2 (b) and (c): the unit with stride 2 concatenates the pooled input. The very first 1x1 is not grouped (section 3.2).
        static Feature Unit(Feature x, int channels, bool isDown, int reduceGroups)
        {
            var grown = isDown ? channels - x.Channels : channels;
            var y = x.ConvBnRelu(channels / 4, 1, groups: reduceGroups, name: "reduce").ChannelShuffle(groups)
                .Depthwise(3, isDown ? 2 : 1).BatchNorm("depthwise.bn").Conv(grown, 1, groups: groups, name: "expand.conv").BatchNorm("expand.bn");
            return isDown ? x.AveragePool(3, 2, 1).Concat(y).Relu() : x.Add(y).Relu();
        }
    }

    private static Graph V2(string name, int[] stages, ModelOptions options)
    {
        var network = new Network(name, options);
        var x = Stem(network, options, Channels.Scaled(24, options.Width));
        for (var stage = 0; stage < Repeats.Length; stage++)
        {
            var half = Math.Max(1, (int)Math.Round(stages[stage] * options.Width / 2));
            for (var i = 0; i < options.Blocks(Repeats[stage]); i++)
            {
                var (from, isFirst) = (x, i == 0);
                x = network.Scope($"stage{stage + 2}.{i}", () => isFirst ? Down(from, half) : Unit(from, half));
            }
        }
        x = x.ConvBnRelu(Channels.Scaled(1024, Math.Max(0.25, Math.Min(1, options.Width))), 1, name: "head");
        return network.Finish(x.GlobalAveragePool().Flatten().Dense(options.Classes!.Value));

        // Figure 3 (c): half of the channels pass untouched.
        static Feature Unit(Feature x, int half) => x.Slice(0, half).Concat(Right(x.Slice(half, 2 * half), half, 1)).ChannelShuffle(2);

        // Figure 3 (d).
        static Feature Down(Feature x, int half) => x.Depthwise(3, 2, "left.depthwise").BatchNorm("left.depthwise.bn").ConvBnRelu(half, 1, name: "left")
            .Concat(Right(x, half, 2)).ChannelShuffle(2);

        static Feature Right(Feature x, int half, int stride) =>
            x.ConvBnRelu(half, 1, name: "1").Depthwise(3, stride).BatchNorm("depthwise.bn").ConvBnRelu(half, 1, name: "2");
    }

    private static Feature Stem(Network network, ModelOptions options, int channels)
    {
        var small = options.Input![1] <= 64;
        var x = network.Input(options.Input).ConvBnRelu(channels, 3, small ? 1 : 2, name: "stem");
        return small ? x : x.MaxPool(3, 2, 1);
    }
}
