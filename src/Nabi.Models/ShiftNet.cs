using Nabi.Ops;

namespace Nabi.Models;

/// <summary>
/// ShiftNet: Wu, Wan, Yue, Jin, Zhao, Golmant, Gholaminejad, Gonzalez and Keutzer, "Shift: A Zero FLOP, Zero Parameter Alternative to Spatial
/// Convolutions", CVPR 2018. Spatial information moves by <see cref="Shift"/> alone: no convolution behind the first is wider than 1x1. Weights are
/// He-initialised by fan-out, batch normalization comes before each activation and convolution. Inputs of 64 pixels and less begin with stride 1.
/// </summary>
/// <remarks>
/// A is the paper's table of groups; B halves all its channels; C has 1, 4, 4, 3 modules without expansion. Modules that halve the image double the
/// channels: in A and B the pooled input is joined to as many new channels (which gives 1.42 G and 371 M MACs; the paper: 1.4 G and 371 M), in C all are
/// new, without a shortcut, which its 0.78 M parameters say.
/// </remarks>
public sealed class ShiftNet : ModelFamily
{
    private const string Paper = "Wu et al. 2018, Shift: A Zero FLOP, Zero Parameter Alternative to Spatial Convolutions, section 4.3";

    // Per group: channels, modules, the shift's kernel, the expansion of the module that halves the image and of the others.
    private static readonly (int Channels, int Modules, int Kernel, int Halving, int Expansion)[] A =
        [(64, 5, 5, 4, 4), (128, 6, 5, 4, 3), (256, 7, 3, 3, 2), (512, 3, 3, 2, 1)];

    private static readonly (int Channels, int Modules, int Kernel, int Halving, int Expansion)[] C =
        [(32, 1, 3, 1, 1), (64, 4, 3, 1, 1), (128, 4, 3, 1, 1), (256, 3, 3, 1, 1)];

    /// <inheritdoc/>
    public override IEnumerable<ModelEntry> Entries =>
    [
        new("shiftnet-a", Paper, [3, 224, 224], 1000, "shifts in place of spatial convolutions", o => Build("shiftnet-a", A, 32, joins: true, o))
        {
            ReferenceParameters = 4_100_000, ReferenceMacs = 1_400_000_000,
            Difference = "the paper's 4.1 M is cut off: 5 k stem + 3645 k in the modules + 513 k classifier + 20 k of batch normalization are 4.18 M",
        },
        new("shiftnet-b", Paper, [3, 224, 224], 1000, "shifts in place of spatial convolutions, half the channels", o => Build("shiftnet-b", A, 32, joins: true, o with { Width = o.Width / 2 }))
        {
            ReferenceParameters = 1_100_000, ReferenceMacs = 371_000_000,
            Difference = "the paper's 1.1 M is cut off: 2 k stem + 911 k in the modules + 257 k classifier + 10 k of batch normalization are 1.18 M",
        },
        new("shiftnet-c", Paper, [3, 224, 224], 1000, "shifts in place of spatial convolutions, no expansion", o => Build("shiftnet-c", C, 16, joins: false, o))
        {
            ReferenceParameters = 780_000,
        },
    ];

    private static Graph Build(string name, (int Channels, int Modules, int Kernel, int Halving, int Expansion)[] groups, int stem, bool joins, ModelOptions options)
    {
        var network = new Network(name, options);
        var x = network.Input(options.Input!).Conv(Channels.Scaled(stem, options.Width), 7, options.Input![1] <= 64 ? 1 : 2, name: "stem");
        for (var g = 0; g < groups.Length; g++)
        {
            var row = groups[g];
            var channels = Channels.Scaled(row.Channels, options.Width);
            for (var i = 0; i < options.Blocks(row.Modules); i++)
            {
                var (from, halves) = (x, i == 0);
                x = network.Scope($"group{g + 1}.{i}", () => halves ? Halving(from, channels, row.Kernel, row.Halving, joins)
                    : ConvShiftConv(from, channels, row.Kernel, row.Expansion * channels, 1).Add(from));
            }
        }
        return network.Finish(x.BatchNorm("bn").Relu().GlobalAveragePool().Flatten().Dense(options.Classes!.Value));
    }

    private static Feature Halving(Feature x, int channels, int kernel, int expansion, bool joins)
    {
        var grown = joins ? Math.Max(1, channels - x.Channels) : channels;
        var y = ConvShiftConv(x, grown, kernel, expansion * grown, 2);
        return joins ? y.Concat(x.AveragePool(3, 2, 1)) : y;
    }

    // Figure 5: normalization, activation and 1x1 convolution twice, the shift between them.
    private static Feature ConvShiftConv(Feature x, int channels, int kernel, int expanded, int stride)
    {
        var wide = x.BatchNorm("1.bn").Relu().Conv(expanded, 1, name: "1.conv");
        return wide.Apply(Shift.OfKernel(expanded, kernel)).BatchNorm("2.bn").Relu().Conv(channels, 1, stride, name: "2.conv");
    }
}
