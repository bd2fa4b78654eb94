namespace Nabi.Models;

/// <summary>
/// The network of the quick start: a residual network for small grey or colour images, wide enough that there is something to prune.
/// A 3x3 stem, then three stages of pre-sized basic blocks (He et al. 2016) with strides 2, 2, 2 on 28 x 28.
/// </summary>
public sealed class NabiNet : ModelFamily
{
    private static readonly (int Channels, int Stride)[] Stages = [(32, 2), (64, 2), (128, 2)];

    /// <inheritdoc/>
    public override IEnumerable<ModelEntry> Entries =>
    [
        new("nabi-small", "residual blocks of He et al. 2016", [1, 28, 28], 10, "early strides, three residual blocks", Build),
    ];

    private static Graph Build(ModelOptions options)
    {
        var network = new Network("nabi-small", options);
        var x = network.Input(options.Input!).ConvBnRelu(Channels.Scaled(16, options.Width), 3, name: "stem");
        for (var stage = 0; stage < Stages.Length; stage++)
        {
            var (from, channels, stride) = (x, Channels.Scaled(Stages[stage].Channels, options.Width), Stages[stage].Stride);
            x = network.Scope($"stage{stage + 1}", () => from.ConvBnRelu(channels, 3, stride, name: "1").Conv(channels, 3, name: "2.conv").BatchNorm("2.bn")
                .Add(from.Conv(channels, 1, stride, name: "shortcut.conv").BatchNorm("shortcut.bn")).Relu());
        }
        return network.Finish(x.GlobalAveragePool().Flatten().Dense(options.Classes!.Value));
    }
}
