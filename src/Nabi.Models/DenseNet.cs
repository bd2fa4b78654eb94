namespace Nabi.Models;

/// <summary>
/// DenseNet: Huang et al. 2017, "Densely Connected Convolutional Networks", table 1. Every layer reads all layers before it in its block;
/// bottlenecks of four times the growth rate (section 3, DenseNet-B), transitions that halve the channels (DenseNet-C).
/// </summary>
public sealed class DenseNet : ModelFamily
{
    private static readonly int[] Layers121 = [6, 12, 24, 16];

    /// <inheritdoc/>
    public override IEnumerable<ModelEntry> Entries =>
    [
        new("densenet121", "Huang et al. 2017, Densely Connected Convolutional Networks, table 1", [3, 224, 224], 1000, "features are reused by concatenation", Build)
        {
            ReferenceParameters = 7_978_856, ReferenceMacs = 2_834_000_000,
        },
    ];

    private static Graph Build(ModelOptions options)
    {
        var network = new Network("densenet121", options);
        var growth = Channels.Scaled(32, options.Width);
        var small = options.Input![1] <= 64;
        var x = network.Input(options.Input).ConvBnRelu(2 * growth, small ? 3 : 7, small ? 1 : 2, name: "stem");
        if (!small) x = x.MaxPool(3, 2, 1);
        for (var block = 0; block < Layers121.Length; block++)
        {
            for (var i = 0; i < options.Blocks(Layers121[block]); i++)
            {
                var from = x;
                x = network.Scope($"block{block + 1}.{i}", () => from.Concat(from.BatchNorm("1.bn").Relu().Conv(4 * growth, 1, name: "1.conv")
                    .BatchNorm("2.bn").Relu().Conv(growth, 3, name: "2.conv")));
            }
            if (block < Layers121.Length - 1)
            {
                var from = x;
                x = network.Scope($"transition{block + 1}", () => from.BatchNorm().Relu().Conv(from.Channels / 2, 1).AveragePool(2, 2));
            }
        }
        return network.Finish(x.BatchNorm("head.bn").Relu().GlobalAveragePool().Flatten().Dense(options.Classes!.Value));
    }
}
