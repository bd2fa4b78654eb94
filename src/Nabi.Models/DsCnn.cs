namespace Nabi.Models;

/// <summary>
/// DS-CNN for keyword spotting: Zhang, Suda, Lai and Chandra 2017, "Hello Edge: Keyword Spotting on Microcontrollers", in the small
/// form of the MLPerf Tiny reference: 49 x 10 MFCC, a 10 x 4 convolution of stride 2, four depthwise separable blocks of 64 channels.
/// </summary>
public sealed class DsCnn : ModelFamily
{
    /// <inheritdoc/>
    public override IEnumerable<ModelEntry> Entries =>
    [
        new("ds-cnn", "Zhang et al. 2017, Hello Edge (MLPerf Tiny keyword spotting reference)", [1, 49, 10], 12, "depthwise separable convolutions", Build)
        {
            ReferenceParameters = 24_908, ReferenceMacs = 2_700_000,
            Difference = "The reference's 24,908 count 1,152 running statistics (9 normalizations x 2 x 64) and 576 biases of convolutions before a normalization (9 x 64), which it absorbs: 23,180 + 1,728.",
        },
    ];

    private static Graph Build(ModelOptions options)
    {
        var network = new Network("ds-cnn", options);
        var channels = Channels.Scaled(64, options.Width);
        var x = network.Input(options.Input!).Conv(channels, 10, 4, 2, 5, 1, name: "stem.conv").BatchNorm("stem.bn").Relu();
        for (var i = 0; i < 4; i++)
        {
            var from = x;
            x = network.Scope($"block{i}", () => from.Depthwise(3).BatchNorm("depthwise.bn").Relu().ConvBnRelu(channels, 1, name: "pointwise"));
        }
        return network.Finish(x.GlobalAveragePool().Flatten().Dense(options.Classes!.Value));
    }
}
