namespace Nabi.Models;

/// <summary>
/// Inception v1: Szegedy et al. 2015, "Going Deeper with Convolutions", table 1, without the auxiliary classifiers and, as in the common reference
/// code, with batch normalization and 3x3 where the table says 5x5.
/// </summary>
public sealed class Inception : ModelFamily
{
    // Table 1: 1x1; 3x3 after its reduction; "5x5" after its reduction; projection of the pool. Pool says the kernel of the pooling before the row.
    private static readonly (int Pool, int One, int Reduce3, int Three, int Reduce5, int Five, int Project)[] Rows =
    [
        (0, 64, 96, 128, 16, 32, 32), (0, 128, 128, 192, 32, 96, 64),
        (3, 192, 96, 208, 16, 48, 64), (0, 160, 112, 224, 24, 64, 64), (0, 128, 128, 256, 24, 64, 64), (0, 112, 144, 288, 32, 64, 64), (0, 256, 160, 320, 32, 128, 128),
        (2, 256, 160, 320, 32, 128, 128), (0, 384, 192, 384, 48, 128, 128),
    ];

    /// <inheritdoc/>
    public override IEnumerable<ModelEntry> Entries =>
    [
        new("googlenet", "Szegedy et al. 2015, Going Deeper with Convolutions, table 1", [3, 224, 224], 1000, "parallel filters behind 1x1 reductions", Build)
        {
            ReferenceParameters = 6_624_904, ReferenceMacs = 1_498_000_000,
        },
    ];

    private static Graph Build(ModelOptions options)
    {
        var network = new Network("googlenet", options);
        int C(int channels) => Channels.Scaled(channels, options.Width);
        var small = options.Input![1] <= 64;
        var x = network.Input(options.Input).ConvBnRelu(C(64), small ? 3 : 7, small ? 1 : 2, name: "conv1");
        if (!small) x = x.MaxPool(3, 2, ceil: true);
        x = x.ConvBnRelu(C(64), 1, name: "conv2").ConvBnRelu(C(192), 3, name: "conv3").MaxPool(3, 2, ceil: true);
        for (var i = 0; i < Rows.Length; i++)
        {
            var r = Rows[i];
            if (r.Pool > 0) x = x.MaxPool(r.Pool, 2, ceil: true);
            var from = x;
            x = network.Scope($"inception{i + 1}", () => from.ConvBnRelu(C(r.One), 1, name: "1x1").Concat(
                from.ConvBnRelu(C(r.Reduce3), 1, name: "3x3.reduce").ConvBnRelu(C(r.Three), 3, name: "3x3"),
                from.ConvBnRelu(C(r.Reduce5), 1, name: "5x5.reduce").ConvBnRelu(C(r.Five), 3, name: "5x5"),
                from.MaxPool(3, 1, 1).ConvBnRelu(C(r.Project), 1, name: "pool")));
        }
        return network.Finish(x.GlobalAveragePool().Flatten().Dropout(0.2f).Dense(options.Classes!.Value));
    }
}
