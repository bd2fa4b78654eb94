namespace Nabi.Models;

/// <summary>
/// MobileNet v1 (Howard et al. 2017, "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications", table 1) and
/// v2 (Sandler et al. 2018, "MobileNetV2: Inverted Residuals and Linear Bottlenecks", table 2); a quarter as wide, v1 is MLPerf Tiny's reference for
/// visual wake words. On inputs of 64 pixels and less the
/// first strides are 1, as is usual for CIFAR-sized images.
/// </summary>
public sealed class MobileNet : ModelFamily
{
    private static readonly (int Channels, int Stride)[] RowsV1 =
    [
        (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1),
    ];

    private static readonly (int Expand, int Channels, int Repeat, int Stride)[] RowsV2 =
    [
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
    ];

    /// <inheritdoc/>
    public override IEnumerable<ModelEntry> Entries =>
    [
        new("mobilenet-v1", "Howard et al. 2017, MobileNets, table 1", [3, 224, 224], 1000, "depthwise separable convolutions", o => V1("mobilenet-v1", 1, o))
        {
            ReferenceParameters = 4_231_976, ReferenceMacs = 569_000_000,
        },
        new("mobilenet-v1-0.25-vww", "Banbury et al. 2021, MLPerf Tiny Benchmark (visual wake words)", [3, 96, 96], 2, "MobileNet v1 at a quarter of its width", o => V1("mobilenet-v1-0.25-vww", 0.25, o))
        {
            ReferenceParameters = 221_794, ReferenceMacs = 7_500_000,
            Difference = "The reference's 221,794 count 5,472 running statistics (2 x 2,736 channels) and 2,736 biases of convolutions before a normalization, which it absorbs: 213,586 + 8,208.",
        },
        new("mobilenet-v2", "Sandler et al. 2018, MobileNetV2, table 2", [3, 224, 224], 1000, "inverted residuals with linear bottlenecks", V2)
        {
            ReferenceParameters = 3_504_872, ReferenceMacs = 301_000_000,
        },
    ];

    private static Graph V1(string name, double alpha, ModelOptions options)
    {
        var network = new Network(name, options);
        var (small, width) = (options.Input![1] <= 64, alpha * options.Width);
        var x = network.Input(options.Input).ConvBnRelu(Channels.Scaled(32, width), 3, small ? 1 : 2, name: "stem");
        for (var i = 0; i < RowsV1.Length; i++)
        {
            var (from, row) = (x, RowsV1[i]);
            x = network.Scope($"block{i}", () => from.Depthwise(3, row.Stride).BatchNorm("depthwise.bn").Relu()
                .ConvBnRelu(Channels.Scaled(row.Channels, width), 1, name: "pointwise"));
        }
        return network.Finish(x.GlobalAveragePool().Flatten().Dense(options.Classes!.Value));
    }

    private static Graph V2(ModelOptions options)
    {
        var network = new Network("mobilenet-v2", options);
        var small = options.Input![1] <= 64;
        var x = network.Input(options.Input).Conv(Channels.Divisible(32 * options.Width), 3, small ? 1 : 2, name: "stem.conv").BatchNorm("stem.bn").Relu6();
        var block = 0;
        foreach (var (expand, channels, repeat, stride) in RowsV2)
        {
            for (var i = 0; i < options.Blocks(repeat); i++, block++)
            {
                var (from, step) = (x, i > 0 ? 1 : small && block == 1 ? 1 : stride);
                x = network.Scope($"block{block}", () => from.InvertedResidual(expand * from.Channels, Channels.Divisible(channels * options.Width), 3, step, f => f.Relu6()));
            }
        }
        x = x.Conv(Channels.Divisible(1280 * Math.Max(1, options.Width)), 1, name: "head.conv").BatchNorm("head.bn").Relu6();
        return network.Finish(x.GlobalAveragePool().Flatten().Dropout(0.2f).Dense(options.Classes!.Value));
    }
}
