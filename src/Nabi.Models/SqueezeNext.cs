namespace Nabi.Models;

/// <summary>
/// SqueezeNext: Gholami et al. 2018, "SqueezeNext: Hardware-Aware Neural Network Design", section 2 and figure 9 (1.0-SqNxt-23, at 227 x 227): low-rank
/// filters behind a two-stage squeeze, and a shortcut around every block. As in the authors' network definition nothing but the normalizations has a bias;
/// its Xavier weights are He's here. On inputs of 64 pixels and less the stem is a 3x3 convolution of stride 1 without pooling.
/// </summary>
public sealed class SqueezeNext : ModelFamily
{
    private static readonly (int Channels, int Blocks)[] Stages = [(32, 6), (64, 6), (128, 8), (256, 1)];

    /// <inheritdoc/>
    public override IEnumerable<ModelEntry> Entries =>
    [
        new("squeezenext-23", "Gholami et al. 2018, SqueezeNext, table 1 (1.0-SqNxt-23)", [3, 227, 227], 1000, "two-stage squeeze, low-rank 3x1 and 1x3 filters", Build)
        {
            ReferenceParameters = 724_056, ReferenceMacs = 282_000_000,
        },
    ];

    private static Graph Build(ModelOptions options)
    {
        var network = new Network("squeezenext-23", options);
        int C(int channels) => Channels.Scaled(channels, options.Width);
        var small = options.Input![1] <= 64;
        var x = network.Input(options.Input).Conv(C(64), small ? 3 : 7, small ? 1 : 2, small ? 1 : 0, name: "stem.conv").BatchNorm("stem.bn").Relu();
        if (!small) x = x.MaxPool(3, 2, ceil: true);
        var block = 0;
        for (var stage = 0; stage < Stages.Length; stage++)
        {
            for (var i = 0; i < options.Blocks(Stages[stage].Blocks); i++, block++)
            {
                var (from, channels, stride, isTallFirst) = (x, C(Stages[stage].Channels), i == 0 && stage > 0 ? 2 : 1, block % 2 == 0);
                x = network.Scope($"stage{stage + 1}.{i}", () => Block(from, channels, stride, isTallFirst));
            }
        }
        return network.Finish(x.ConvBnRelu(C(128), 1, name: "bottleneck").GlobalAveragePool().Flatten().Dense(options.Classes!.Value, bias: false));
    }

    // Figure 3, right: channels / 2, channels / 4, a 3x3 filter as a 3x1 and a 1x3 one in alternating order, and back to all channels.
    private static Feature Block(Feature x, int channels, int stride, bool isTallFirst)
    {
        var (half, quarter) = (Math.Max(1, channels / 2), Math.Max(1, channels / 4));
        var y = x.ConvBnRelu(half, 1, stride, name: "squeeze1").ConvBnRelu(quarter, 1, name: "squeeze2");
        y = Line(Line(y, half, isTallFirst), half, !isTallFirst).ConvBnRelu(channels, 1, name: "expand");
        var shortcut = stride == 1 && x.Channels == channels ? x : x.ConvBnRelu(channels, 1, stride, name: "shortcut");
        return y.Add(shortcut).Relu();
    }

    private static Feature Line(Feature x, int channels, bool isTall) =>
        (isTall ? x.Conv(channels, 3, 1, 1, 1, 0, name: "3x1.conv").BatchNorm("3x1.bn") : x.Conv(channels, 1, 3, 1, 0, 1, name: "1x3.conv").BatchNorm("1x3.bn")).Relu();
}
