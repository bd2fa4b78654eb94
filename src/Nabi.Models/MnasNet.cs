using Nabi.Ops;

namespace Nabi.Models;

/// <summary>
/// MnasNet: Tan et al. 2019, "MnasNet: Platform-Aware Neural Architecture Search for Mobile": B1 without and A1 (figure 7) with squeeze and
/// excitation, found by a reward of accuracy times latency.
/// </summary>
public sealed class MnasNet : ModelFamily
{
    private static readonly (int Expand, int Channels, int Repeat, int Stride, int Kernel, bool Squeeze)[] B1 =
    [
        (3, 24, 3, 2, 3, false), (3, 40, 3, 2, 5, false), (6, 80, 3, 2, 5, false),
        (6, 96, 2, 1, 3, false), (6, 192, 4, 2, 5, false), (6, 320, 1, 1, 3, false),
    ];

    private static readonly (int Expand, int Channels, int Repeat, int Stride, int Kernel, bool Squeeze)[] A1 =
    [
        (6, 24, 2, 2, 3, false), (3, 40, 3, 2, 5, true), (6, 80, 4, 2, 3, false),
        (6, 112, 2, 1, 3, true), (6, 160, 3, 2, 5, true), (6, 320, 1, 1, 3, false),
    ];

    /// <inheritdoc/>
    public override IEnumerable<ModelEntry> Entries =>
    [
        new("mnasnet-b1", "Tan et al. 2019, MnasNet (B1)", [3, 224, 224], 1000, "searched for latency", o => Build("mnasnet-b1", B1, o))
        {
            ReferenceParameters = 4_383_312, ReferenceMacs = 315_000_000,
        },
        new("mnasnet-a1", "Tan et al. 2019, MnasNet, figure 7 (A1)", [3, 224, 224], 1000, "searched for latency, squeeze and excitation", o => Build("mnasnet-a1", A1, o))
        {
            ReferenceParameters = 3_887_038, ReferenceMacs = 312_000_000,
        },
    ];

    private static Graph Build(string name, (int Expand, int Channels, int Repeat, int Stride, int Kernel, bool Squeeze)[] rows, ModelOptions options)
    {
        var network = new Network(name, options);
        int C(int channels) => Channels.Divisible(channels * options.Width);
        var x = network.Input(options.Input!).ConvBnRelu(C(32), 3, options.Input![1] <= 64 ? 1 : 2, name: "stem");
        x = x.Depthwise(3, name: "separable.depthwise").BatchNorm("separable.depthwise.bn").Relu().Conv(C(16), 1, name: "separable.project").BatchNorm("separable.project.bn");
        for (var stage = 0; stage < rows.Length; stage++)
        {
            var row = rows[stage];
            for (var i = 0; i < options.Blocks(row.Repeat); i++)
            {
                var (from, step) = (x, i == 0 ? row.Stride : 1);
                var squeezed = Math.Max(1, from.Channels / 4);
                x = network.Scope($"stage{stage + 2}.{i}", () => from.InvertedResidual(from.Channels * row.Expand, C(row.Channels), row.Kernel, step, f => f.Relu(),
                    row.Squeeze ? f => f.SqueezeExcite(squeezed, s => s.Relu(), new Sigmoid()) : null));
            }
        }
        x = x.ConvBnRelu(Channels.Divisible(1280 * Math.Max(1, options.Width)), 1, name: "head");
        return network.Finish(x.GlobalAveragePool().Flatten().Dropout(0.2f).Dense(options.Classes!.Value));
    }
}
