using Nabi.Ops;

namespace Nabi.Models;

/// <summary>
/// EfficientNet: Tan and Le 2019, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks": table 1 for B0, and one compound
/// rule for the rest (section 3.3, eq. 3): width, depth and resolution grow together, alpha = 1.2, beta = 1.1, gamma = 1.15; the coefficients
/// are the released ones, which round phi's powers.
/// </summary>
public sealed class EfficientNet : ModelFamily
{
    // Table 1, stages 2 to 8.
    private static readonly (int Expand, int Channels, int Repeat, int Stride, int Kernel)[] Stages =
    [
        (1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5), (6, 192, 4, 2, 5), (6, 320, 1, 1, 3),
    ];

    private static readonly (double Width, double Depth, int Resolution, long Parameters, long Macs)[] Scales =
    [
        (1.0, 1.0, 224, 5_288_548, 386_000_000), (1.0, 1.1, 240, 7_794_184, 687_000_000), (1.1, 1.2, 260, 9_109_994, 1_000_000_000),
        (1.2, 1.4, 300, 12_233_232, 1_827_000_000), (1.4, 1.8, 380, 19_341_616, 4_394_000_000), (1.6, 2.2, 456, 30_389_784, 10_266_000_000),
        (1.8, 2.6, 528, 43_040_704, 19_068_000_000), (2.0, 3.1, 600, 66_347_960, 37_746_000_000),
    ];

    /// <inheritdoc/>
    public override IEnumerable<ModelEntry> Entries => Scales.Select((scale, i) =>
        new ModelEntry($"efficientnet-b{i}", "Tan and Le 2019, EfficientNet, table 1 and eq. 3", [3, scale.Resolution, scale.Resolution], 1000, "compound scaling of MBConv blocks",
            o => Build($"efficientnet-b{i}", scale.Width, scale.Depth, o))
        {
            ReferenceParameters = scale.Parameters,
            ReferenceMacs = scale.Macs,
        });

    private static Graph Build(string name, double width, double depth, ModelOptions options)
    {
        var network = new Network(name, options);
        int C(int channels) => Channels.Divisible(channels * width * options.Width);
        var x = network.Input(options.Input!).Conv(C(32), 3, options.Input![1] <= 64 ? 1 : 2, name: "stem.conv").BatchNorm("stem.bn").Silu();
        for (var stage = 0; stage < Stages.Length; stage++)
        {
            var (expand, channels, repeat, stride, kernel) = Stages[stage];
            for (var i = 0; i < options.Blocks((int)Math.Ceiling(repeat * depth)); i++)
            {
                var (from, step) = (x, i == 0 ? stride : 1);
                var squeezed = Math.Max(1, from.Channels / 4);
                x = network.Scope($"stage{stage + 2}.{i}", () => from.InvertedResidual(from.Channels * expand, C(channels), kernel, step, f => f.Silu(),
                    f => f.SqueezeExcite(squeezed, s => s.Silu(), new Sigmoid())));
            }
        }
        x = x.Conv(C(1280), 1, name: "head.conv").BatchNorm("head.bn").Silu().GlobalAveragePool().Flatten();
        return network.Finish(x.Dropout(0.2f).Dense(options.Classes!.Value));
    }
}
