namespace Nabi.Models;

/// <summary>
/// The plain networks that the compression papers start from: AlexNet (Krizhevsky et al. 2012, in the one-column form of Krizhevsky 2014) and VGG-16
/// (Simonyan and Zisserman 2015, table 1, column D). On inputs of 64 pixels and less AlexNet's first stride is 2 and its pools are 2 x 2.
/// </summary>
public sealed class Plain : ModelFamily
{
    private static readonly (int Channels, int Layers)[] Vgg16 = [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)];

    /// <inheritdoc/>
    public override IEnumerable<ModelEntry> Entries =>
    [
        new("alexnet", "Krizhevsky 2014, One weird trick for parallelizing convolutional neural networks", [3, 224, 224], 1000, "not light: the baseline", AlexNet)
        {
            ReferenceParameters = 61_100_840, ReferenceMacs = 714_000_000,
        },
        new("vgg16", "Simonyan and Zisserman 2015, Very Deep Convolutional Networks, table 1 D", [3, 224, 224], 1000, "not light: the baseline", Vgg)
        {
            ReferenceParameters = 138_357_544, ReferenceMacs = 15_470_000_000,
        },
    ];

    private static Graph AlexNet(ModelOptions options)
    {
        var network = new Network("alexnet", options);
        var small = options.Input![1] <= 64;
        Feature Pool(Feature f) => f.MaxPool(small ? 2 : 3, 2);
        var x = network.Input(options.Input);
        x = Pool(Layer(x, 64, 11, small ? 2 : 4, 2, 1));
        x = Pool(Layer(x, 192, 5, 1, 2, 2));
        x = Layer(x, 384, 3, 1, 1, 3);
        x = Layer(x, 256, 3, 1, 1, 4);
        x = Pool(Layer(x, 256, 3, 1, 1, 5));
        x = x.Flatten().Dropout(0.5f).Dense(Channels.Scaled(4096, options.Width), "fc6").Relu();
        return network.Finish(x.Dropout(0.5f).Dense(Channels.Scaled(4096, options.Width), "fc7").Relu().Dense(options.Classes!.Value, "fc8"));

        Feature Layer(Feature f, int channels, int kernel, int stride, int pad, int number) =>
            f.Conv(Channels.Scaled(channels, options.Width), kernel, stride, pad, bias: true, name: $"conv{number}").Relu();
    }

    private static Graph Vgg(ModelOptions options)
    {
        var network = new Network("vgg16", options);
        var x = network.Input(options.Input!);
        for (var stage = 0; stage < Vgg16.Length; stage++)
        {
            for (var i = 0; i < Vgg16[stage].Layers; i++)
                x = x.Conv(Channels.Scaled(Vgg16[stage].Channels, options.Width), 3, bias: true, name: $"conv{stage + 1}_{i + 1}").Relu();
            if (x.Value.Shape[2] > 1) x = x.MaxPool(2, 2);
        }
        x = x.Flatten().Dense(Channels.Scaled(4096, options.Width), "fc6").Relu().Dropout(0.5f);
        return network.Finish(x.Dense(Channels.Scaled(4096, options.Width), "fc7").Relu().Dropout(0.5f).Dense(options.Classes!.Value, "fc8"));
    }
}
