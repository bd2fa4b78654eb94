using Nabi.Ops;

namespace Nabi.Models;

/// <summary>
/// EfficientNet: Tan and Le 2019, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks": table 1 for B0, scaled by one coefficient
/// for the rest (<see cref="CompoundScaling"/>). The released networks B1 to B7 are built with the coefficients of the released code. Up to B3 these are eq. 3
/// rounded to a tenth and to ten pixels; the larger ones were rounded more freely, to within 8 % of eq. 3. Weights are He's by fan-out, as in the released code.
/// </summary>
public sealed class EfficientNet : ModelFamily
{
    // Table 1, stages 2 to 8.
    private static readonly (int Expand, int Channels, int Repeat, int Stride, int Kernel)[] Stages =
    [
        (1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5), (6, 192, 4, 2, 5), (6, 320, 1, 1, 3),
    ];

    // The coefficient of eq. 3 that is nearest in width, depth and resolution together; the released scaling and dropout; the counts.
    internal static readonly (double Phi, double Width, double Depth, int Resolution, float Dropout, long Parameters, long Macs)[] Released =
    [
        (0, 1.0, 1.0, 224, 0.2f, 5_288_548, 386_000_000), (0.5, 1.0, 1.1, 240, 0.2f, 7_794_184, 687_000_000), (1, 1.1, 1.2, 260, 0.3f, 9_109_994, 1_000_000_000),
        (2, 1.2, 1.4, 300, 0.3f, 12_233_232, 1_827_000_000), (3.5, 1.4, 1.8, 380, 0.4f, 19_341_616, 4_394_000_000), (4.7, 1.6, 2.2, 456, 0.4f, 30_389_784, 10_266_000_000),
        (5.6, 1.8, 2.6, 528, 0.5f, 43_040_704, 19_068_000_000), (6.6, 2.0, 3.1, 600, 0.5f, 66_347_960, 37_746_000_000),
    ];

    /// <inheritdoc/>
    public override IEnumerable<ModelEntry> Entries => Released.Select((scale, i) =>
        new ModelEntry($"efficientnet-b{i}", "Tan and Le 2019, EfficientNet, table 1 and eq. 3", [3, scale.Resolution, scale.Resolution], 1000, "compound scaling of MBConv blocks",
            o => Build($"efficientnet-b{i}", scale.Dropout, o with { Width = o.Width * scale.Width, Depth = o.Depth * scale.Depth }))
        {
            ReferenceParameters = scale.Parameters,
            ReferenceMacs = scale.Macs,
        });

    private static Graph Build(string name, float dropout, ModelOptions options)
    {
        var network = new Network(name, options);
        int C(int channels) => Channels.Divisible(channels * options.Width);
        var x = network.Input(options.Input!).Conv(C(32), 3, options.Input![1] <= 64 ? 1 : 2, name: "stem.conv").BatchNorm("stem.bn").Silu();
        for (var stage = 0; stage < Stages.Length; stage++)
        {
            var (expand, channels, repeat, stride, kernel) = Stages[stage];
            for (var i = 0; i < options.Blocks(repeat); i++)
            {
                var (from, step) = (x, i == 0 ? stride : 1);
                var squeezed = Math.Max(1, from.Channels / 4);
                x = network.Scope($"stage{stage + 2}.{i}", () => from.InvertedResidual(from.Channels * expand, C(channels), kernel, step, f => f.Silu(),
                    f => f.SqueezeExcite(squeezed, s => s.Silu(), new Sigmoid())));
            }
        }
        x = x.Conv(C(1280), 1, name: "head.conv").BatchNorm("head.bn").Silu().GlobalAveragePool().Flatten();
        return network.Finish(x.Dropout(dropout).Dense(options.Classes!.Value));
    }
}
