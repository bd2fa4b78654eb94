using Nabi.Ops;

namespace Nabi.Models;

/// <summary>
/// MobileNetV3: Howard et al. 2019, "Searching for MobileNetV3", tables 1 (large) and 2 (small). Squeeze and excitation with a hard sigmoid,
/// hard swish in the deeper half. On inputs of 64 pixels and less the first stride is 1.
/// </summary>
public sealed class MobileNetV3 : ModelFamily
{
    private static readonly (int Kernel, int Expand, int Channels, bool Squeeze, bool HardSwish, int Stride)[] Large =
    [
        (3, 16, 16, false, false, 1), (3, 64, 24, false, false, 2), (3, 72, 24, false, false, 1),
        (5, 72, 40, true, false, 2), (5, 120, 40, true, false, 1), (5, 120, 40, true, false, 1),
        (3, 240, 80, false, true, 2), (3, 200, 80, false, true, 1), (3, 184, 80, false, true, 1), (3, 184, 80, false, true, 1),
        (3, 480, 112, true, true, 1), (3, 672, 112, true, true, 1),
        (5, 672, 160, true, true, 2), (5, 960, 160, true, true, 1), (5, 960, 160, true, true, 1),
    ];

    private static readonly (int Kernel, int Expand, int Channels, bool Squeeze, bool HardSwish, int Stride)[] Small =
    [
        (3, 16, 16, true, false, 2), (3, 72, 24, false, false, 2), (3, 88, 24, false, false, 1),
        (5, 96, 40, true, true, 2), (5, 240, 40, true, true, 1), (5, 240, 40, true, true, 1), (5, 120, 48, true, true, 1), (5, 144, 48, true, true, 1),
        (5, 288, 96, true, true, 2), (5, 576, 96, true, true, 1), (5, 576, 96, true, true, 1),
    ];

    /// <inheritdoc/>
    public override IEnumerable<ModelEntry> Entries =>
    [
        new("mobilenet-v3-large", "Howard et al. 2019, Searching for MobileNetV3, table 1", [3, 224, 224], 1000, "searched inverted residuals, h-swish", o => Build("mobilenet-v3-large", Large, 1280, o))
        {
            ReferenceParameters = 5_483_032, ReferenceMacs = 217_000_000,
        },
        new("mobilenet-v3-small", "Howard et al. 2019, Searching for MobileNetV3, table 2", [3, 224, 224], 1000, "searched inverted residuals, h-swish", o => Build("mobilenet-v3-small", Small, 1024, o))
        {
            ReferenceParameters = 2_542_856, ReferenceMacs = 57_000_000,
        },
    ];

    private static Graph Build(string name, (int Kernel, int Expand, int Channels, bool Squeeze, bool HardSwish, int Stride)[] rows, int head, ModelOptions options)
    {
        var network = new Network(name, options);
        int C(int channels) => Channels.Divisible(channels * options.Width);
        var x = network.Input(options.Input!).Conv(C(16), 3, options.Input![1] <= 64 ? 1 : 2, name: "stem.conv").BatchNorm("stem.bn").HardSwish();
        for (var i = 0; i < rows.Length; i++)
        {
            var (from, row) = (x, rows[i]);
            var expanded = C(row.Expand);
            x = network.Scope($"block{i}", () => from.InvertedResidual(expanded, C(row.Channels), row.Kernel, row.Stride,
                row.HardSwish ? f => f.HardSwish() : f => f.Relu(),
                row.Squeeze ? f => f.SqueezeExcite(Channels.Divisible(expanded / 4.0), s => s.Relu(), new HardSigmoid { Alpha = 1 / 6f, Beta = 0.5f }) : null));
        }
        x = x.Conv(C(rows[^1].Expand), 1, name: "head.conv").BatchNorm("head.bn").HardSwish().GlobalAveragePool().Flatten();
        return network.Finish(x.Dense(C(head), "head.fc").HardSwish().Dropout(0.2f).Dense(options.Classes!.Value));
    }
}
