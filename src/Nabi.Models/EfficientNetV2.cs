using Nabi.Ops;

namespace Nabi.Models;

/// <summary>
/// EfficientNetV2-S: Tan and Le 2021, "EfficientNetV2: Smaller Models and Faster Training", table 4, with the corrections of its released code (24 stem
/// channels, head of 1280): Fused-MBConv, where expansion and depthwise convolution are one 3x3 convolution, in the early stages, MBConv with squeeze and
/// excitation in the later ones. Small images train it best with progressive learning. Weights are He's by fan-out, as in the released code.
/// </summary>
public sealed class EfficientNetV2 : ModelFamily
{
    // Table 4, stages 1 to 6.
    private static readonly (bool IsFused, int Expand, int Channels, int Layers, int Stride)[] Small =
    [
        (true, 1, 24, 2, 1), (true, 4, 48, 4, 2), (true, 4, 64, 4, 2), (false, 4, 128, 6, 2), (false, 6, 160, 9, 1), (false, 6, 256, 15, 2),
    ];

    /// <inheritdoc/>
    public override IEnumerable<ModelEntry> Entries =>
    [
        new("efficientnetv2-s", "Tan and Le 2021, EfficientNetV2, table 4", [3, 384, 384], 1000, "Fused-MBConv early, MBConv late", Build)
        {
            ReferenceParameters = 21_458_488, ReferenceMacs = 8_370_000_000,
        },
    ];

    private static Graph Build(ModelOptions options)
    {
        var network = new Network("efficientnetv2-s", options);
        int C(int channels) => Channels.Divisible(channels * options.Width);
        var x = network.Input(options.Input!).Conv(C(24), 3, options.Input![1] <= 64 ? 1 : 2, name: "stem.conv").BatchNorm("stem.bn").Silu();
        for (var stage = 0; stage < Small.Length; stage++)
        {
            var row = Small[stage];
            for (var i = 0; i < options.Blocks(row.Layers); i++)
            {
                var (from, stride) = (x, i == 0 ? row.Stride : 1);
                var squeezed = Math.Max(1, from.Channels / 4);
                x = network.Scope($"stage{stage + 1}.{i}", () => row.IsFused
                    ? FusedMBConv(from, from.Channels * row.Expand, C(row.Channels), stride)
                    : from.InvertedResidual(from.Channels * row.Expand, C(row.Channels), 3, stride, f => f.Silu(), f => f.SqueezeExcite(squeezed, s => s.Silu(), new Sigmoid())));
            }
        }
        x = x.Conv(C(1280), 1, name: "head.conv").BatchNorm("head.bn").Silu().GlobalAveragePool().Flatten();
        return network.Finish(x.Dropout(0.2f).Dense(options.Classes!.Value));
    }

    // Figure 2, right. Without expansion the 3x3 convolution is all there is.
    private static Feature FusedMBConv(Feature x, int expanded, int channels, int stride)
    {
        var y = expanded == x.Channels
            ? x.Conv(channels, 3, stride, name: "fused").BatchNorm("fused.bn").Silu()
            : x.Conv(expanded, 3, stride, name: "fused").BatchNorm("fused.bn").Silu().Conv(channels, 1, name: "project").BatchNorm("project.bn");
        return stride == 1 && x.Channels == channels ? y.Add(x) : y;
    }
}
