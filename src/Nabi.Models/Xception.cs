namespace Nabi.Models;

/// <summary>
/// Xception: Chollet 2017, "Xception: Deep Learning with Depthwise Separable Convolutions", figure 5: entry flow, eight middle blocks, exit flow.
/// </summary>
public sealed class Xception : ModelFamily
{
    /// <inheritdoc/>
    public override IEnumerable<ModelEntry> Entries =>
    [
        new("xception", "Chollet 2017, Xception, figure 5", [3, 299, 299], 1000, "depthwise separable convolutions with shortcuts", Build)
        {
            ReferenceParameters = 22_855_952, ReferenceMacs = 8_400_000_000,
        },
    ];

    private static Graph Build(ModelOptions options)
    {
        var network = new Network("xception", options);
        int C(int channels) => Channels.Scaled(channels, options.Width);
        var small = options.Input![1] <= 64;
        var x = network.Input(options.Input).Conv(C(32), 3, small ? 1 : 2, small ? 1 : 0, name: "stem1.conv").BatchNorm("stem1.bn").Relu()
            .Conv(C(64), 3, 1, small ? 1 : 0, name: "stem2.conv").BatchNorm("stem2.bn").Relu();
        x = Block(x, "entry1", [C(128), C(128)], 2, startsWithRelu: false);
        x = Block(x, "entry2", [C(256), C(256)], 2);
        x = Block(x, "entry3", [C(728), C(728)], 2);
        for (var i = 0; i < 8; i++) x = Block(x, $"middle{i + 1}", [C(728), C(728), C(728)], 1);
        x = Block(x, "exit", [C(728), C(1024)], 2);
        x = Separable(Separable(x, C(1536), "head1").Relu(), C(2048), "head2").Relu();
        return network.Finish(x.GlobalAveragePool().Flatten().Dense(options.Classes!.Value));

        Feature Block(Feature from, string name, int[] channels, int stride, bool startsWithRelu = true) => network.Scope(name, () =>
        {
            var y = from;
            for (var i = 0; i < channels.Length; i++)
                y = Separable(i > 0 || startsWithRelu ? y.Relu() : y, channels[i], $"{i + 1}");
            if (stride > 1) y = y.MaxPool(3, stride, 1);
            return y.Add(stride == 1 && from.Channels == channels[^1] ? from : from.Conv(channels[^1], 1, stride, name: "shortcut.conv").BatchNorm("shortcut.bn"));
        });
    }

    private static Feature Separable(Feature x, int channels, string name) =>
        x.Depthwise(3, name: $"{name}.depthwise").Conv(channels, 1, name: $"{name}.pointwise").BatchNorm($"{name}.bn");
}
