using Nabi.Ops;

namespace Nabi.Models;

/// <summary>
/// He, Liu, Zhong and Ma, "AddressNet: Shift-Based Primitives for Efficient Convolutional Neural Networks", WACV 2019. Grouped 1x1 convolutions whose groups meet by three
/// moves that only change addresses: the channel shift turns the channels round, the address shift moves quarters of them up, down, left and right (no diagonals),
/// and the shortcut shift keeps a block's input where it is and writes what is new behind it, so that the next block reads a window of memory that
/// begins further on: a joint in place of a sum. Weights are He-initialised by fan-out.
/// </summary>
/// <remarks>
/// The network is CIFAR's 6n + 2 layers in three stages, each beginning with a block that doubles the channels. The widths (72, 144 and 288 channels in groups of 36) are
/// ours: so the counts come near those that Liu et al. 2024, "Lightweight Deep Learning for Resource-Constrained Environments: A Survey", table 1, reports of
/// AddressNet-20 (0.1 M parameters, 22 M MACs) and AddressNet-44 (0.2 M, 53 M).
/// </remarks>
public sealed class AddressNet : ModelFamily
{
    // Channels of the stem, and of a group.
    private const int Unit = 36;

    private const int Stages = 3;

    /// <inheritdoc/>
    public override IEnumerable<ModelEntry> Entries =>
    [
        Entry("addressnet-20", 3) with { ReferenceMacs = 22_000_000, Difference = Widths },
        Entry("addressnet-32", 5),
        Entry("addressnet-44", 7) with { ReferenceMacs = 53_000_000, Difference = Widths },
    ];

    private const string Widths = "the widths are chosen: four blocks more in every stage add 27.9 M, where the reported figures differ by 31 M";

    private static ModelEntry Entry(string name, int blocks) =>
        new(name, "He et al. 2019, AddressNet: Shift-Based Primitives for Efficient Convolutional Neural Networks", [3, 32, 32], 100, "shifts by address, grouped 1x1 convolutions",
            o => Build(name, blocks, o));

    private static Graph Build(string name, int blocks, ModelOptions options)
    {
        var network = new Network(name, options);
        var unit = 2 * Channels.Scaled(Unit / 2, options.Width);
        var x = network.Input(options.Input!).ConvBnRelu(unit, 3, name: "stem");
        for (var stage = 0; stage < Stages; stage++)
        {
            for (var i = 0; i < options.Blocks(blocks); i++)
            {
                var (from, isFirst, stride) = (x, i == 0, stage == 0 ? 1 : 2);
                x = network.Scope($"stage{stage + 1}.{i}", () => isFirst ? Doubling(from, unit, stride) : Block(from, unit));
            }
        }
        return network.Finish(x.GlobalAveragePool().Flatten().Dense(options.Classes!.Value));
    }

    // The shortcut shift: the younger half of the window stays, the new half is written behind it.
    private static Feature Block(Feature x, int unit) => x.Slice(x.Channels / 2, x.Channels).Concat(Shifts(x, x.Channels / 2, unit, 1));

    // All of the input stays, as many channels are written behind it.
    private static Feature Doubling(Feature x, int unit, int stride) => (stride == 1 ? x : x.AveragePool(3, 2, 1)).Concat(Shifts(x, x.Channels, unit, stride));

    // Grouped 1x1 convolution, channel shift, address shift, grouped 1x1 convolution.
    private static Feature Shifts(Feature x, int channels, int unit, int stride)
    {
        var groups = x.Channels / unit;
        var y = ChannelShift(x.ConvBnRelu(x.Channels, 1, groups: groups, name: "1"), unit).Apply(AddressShift(x.Channels));
        return y.ConvBnRelu(channels, 1, stride, groups, "2");
    }

    // Turned round by half a group, so that every group sees two.
    private static Feature ChannelShift(Feature x, int unit) => x.Channels == unit ? x : x.Slice(unit / 2, x.Channels).Concat(x.Slice(0, unit / 2));

    // Up, down, left, right.
    private static Shift AddressShift(int channels)
    {
        var (vertical, horizontal) = (new int[channels], new int[channels]);
        for (var c = 0; c < channels; c++)
            (vertical[c], horizontal[c]) = (4 * c / channels) switch { 0 => (1, 0), 1 => (-1, 0), 2 => (0, 1), _ => (0, -1) };
        return new Shift { Vertical = vertical, Horizontal = horizontal };
    }
}
