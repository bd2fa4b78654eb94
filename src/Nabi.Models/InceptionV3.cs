namespace Nabi.Models;

/// <summary>
/// Inception v3: Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer Vision", table 1 and figures 5 to 7 and 10, in the form of
/// torchvision's reference code without the auxiliary classifier; weights are He's as in the rest of the zoo. Inputs below 75 pixels, the smallest that the paper's unpadded layers leave a pixel of,
/// begin with stride 1 and pad their convolutions and pools.
/// </summary>
public sealed class InceptionV3 : ModelFamily
{
    private const int SmallestUnpadded = 75;

    /// <inheritdoc/>
    public override IEnumerable<ModelEntry> Entries =>
    [
        new("inception-v3", "Szegedy et al. 2016, Rethinking the Inception Architecture, table 1", [3, 299, 299], 1000, "n x n filters factored into 1 x n and n x 1", o => new Builder(o).Build())
        {
            ReferenceParameters = 23_834_568, ReferenceMacs = 5_713_000_000,
        },
    ];

    private sealed class Builder(ModelOptions options)
    {
        private readonly Network _network = new("inception-v3", options);
        private readonly bool _isSmall = Math.Min(options.Input![1], options.Input[2]) < SmallestUnpadded;

        // Padding of the layers that have none in the paper.
        private int Edge => _isSmall ? 1 : 0;

        public Graph Build()
        {
            var x = Unit(_network.Input(options.Input!), 32, 3, 3, "stem1", _isSmall ? 1 : 2, Edge);
            x = Unit(Unit(x, 32, 3, 3, "stem2", 1, Edge), 64, 3, 3, "stem3").MaxPool(3, 2, Edge);
            x = Unit(Unit(x, 80, 1, 1, "stem4"), 192, 3, 3, "stem5", 1, Edge).MaxPool(3, 2, Edge);
            int[] projections = [32, 64, 64], sevens = [128, 160, 160, 192];
            for (var i = 0; i < projections.Length; i++) x = Block($"mixed5.{i}", x, f => Figure5(f, projections[i]));
            x = Block("mixed6.reduce", x, Reduce35);
            for (var i = 0; i < sevens.Length; i++) x = Block($"mixed6.{i}", x, f => Figure6(f, sevens[i]));
            x = Block("mixed7.reduce", x, Reduce17);
            for (var i = 0; i < 2; i++) x = Block($"mixed7.{i}", x, Figure7);
            return _network.Finish(x.GlobalAveragePool().Flatten().Dropout(0.5f).Dense(options.Classes!.Value));
        }

        private Feature Block(string name, Feature x, Func<Feature, Feature> body) => _network.Scope(name, () => body(x));

        // Two 3x3 convolutions stand for one of 5x5.
        private Feature Figure5(Feature x, int projection) => Unit(x, 64, 1, 1, "1x1").Concat(
            Unit(Unit(x, 48, 1, 1, "5x5.reduce"), 64, 5, 5, "5x5"),
            Unit(Unit(Unit(x, 64, 1, 1, "3x3.reduce"), 96, 3, 3, "3x3a"), 96, 3, 3, "3x3b"),
            Unit(x.AveragePool(3, 1, 1), projection, 1, 1, "pool"));

        // Figure 10: convolution and pooling of stride 2 side by side.
        private Feature Reduce35(Feature x) => Unit(x, 384, 3, 3, "3x3", 2, Edge).Concat(
            Unit(Unit(Unit(x, 64, 1, 1, "double.reduce"), 96, 3, 3, "double.a"), 96, 3, 3, "double.b", 2, Edge),
            x.MaxPool(3, 2, Edge));

        // A 7x7 filter as 1x7 and 7x1.
        private Feature Figure6(Feature x, int inner) => Unit(x, 192, 1, 1, "1x1").Concat(
            Unit(Unit(Unit(x, inner, 1, 1, "7x7.reduce"), inner, 1, 7, "7x7.a"), 192, 7, 1, "7x7.b"),
            Unit(Unit(Unit(Unit(Unit(x, inner, 1, 1, "double.reduce"), inner, 7, 1, "double.a"), inner, 1, 7, "double.b"), inner, 7, 1, "double.c"), 192, 1, 7, "double.d"),
            Unit(x.AveragePool(3, 1, 1), 192, 1, 1, "pool"));

        private Feature Reduce17(Feature x) => Unit(Unit(x, 192, 1, 1, "3x3.reduce"), 320, 3, 3, "3x3", 2, Edge).Concat(
            Unit(Unit(Unit(Unit(x, 192, 1, 1, "7x7.reduce"), 192, 1, 7, "7x7.a"), 192, 7, 1, "7x7.b"), 192, 3, 3, "7x7.3x3", 2, Edge),
            x.MaxPool(3, 2, Edge));

        // The filter bank is widened instead of deepened: 1x3 and 3x1 side by side.
        private Feature Figure7(Feature x)
        {
            var three = Unit(x, 384, 1, 1, "3x3.reduce");
            var twice = Unit(Unit(x, 448, 1, 1, "double.reduce"), 384, 3, 3, "double");
            return Unit(x, 320, 1, 1, "1x1").Concat(
                Unit(three, 384, 1, 3, "3x3.wide"), Unit(three, 384, 3, 1, "3x3.tall"),
                Unit(twice, 384, 1, 3, "double.wide"), Unit(twice, 384, 3, 1, "double.tall"),
                Unit(x.AveragePool(3, 1, 1), 192, 1, 1, "pool"));
        }

        // Without an explicit padding the size stays.
        private Feature Unit(Feature x, int channels, int height, int width, string name, int stride = 1, int? pad = null) =>
            x.Conv(Channels.Scaled(channels, options.Width), height, width, stride, pad ?? height / 2, pad ?? width / 2, name: $"{name}.conv")
                .BatchNorm($"{name}.bn", epsilon: 1e-3f).Relu();
    }
}
