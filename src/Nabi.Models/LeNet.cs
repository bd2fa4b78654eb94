namespace Nabi.Models;

/// <summary>
/// The small study networks: LeNet-5 in the form of the Caffe example that the compression papers use (20 and 50 convolution
/// channels, 500 units; 431 k parameters), LeNet-300-100 (266 k), and logistic regression. LeCun et al. 1998, "Gradient-Based Learning
/// Applied to Document Recognition".
/// </summary>
public sealed class LeNet : ModelFamily
{
    private const string Paper = "LeCun et al. 1998, Gradient-Based Learning Applied to Document Recognition";

    /// <inheritdoc/>
    public override IEnumerable<ModelEntry> Entries =>
    [
        new("lenet5", Paper + " (Caffe's form)", [1, 28, 28], 10, "the subject of the compression papers", LeNet5)
        {
            ReferenceParameters = 431_080, ReferenceMacs = 2_293_000,
        },
        new("lenet-300-100", Paper, [1, 28, 28], 10, "two dense layers", o => Dense("lenet-300-100", [300, 100], o))
        {
            ReferenceParameters = 266_610, ReferenceMacs = 266_200,
        },
        new("linear", "logistic regression", [1, 28, 28], 10, "the baseline every network must beat", o => Dense("linear", [], o))
        {
            ReferenceParameters = 7_850, ReferenceMacs = 7_840,
        },
    ];

    private static Graph LeNet5(ModelOptions options)
    {
        var network = new Network("lenet5", options);
        var x = network.Input(options.Input!);
        x = x.Conv(Channels.Scaled(20, options.Width), 5, pad: 0, bias: true, name: "conv1").MaxPool(2, 2);
        x = x.Conv(Channels.Scaled(50, options.Width), 5, pad: 0, bias: true, name: "conv2").MaxPool(2, 2);
        return network.Finish(x.Flatten().Dense(Channels.Scaled(500, options.Width), "fc1").Relu().Dense(options.Classes!.Value, "fc2"));
    }

    private static Graph Dense(string name, int[] hidden, ModelOptions options)
    {
        var network = new Network(name, options);
        var x = network.Input(options.Input!).Flatten();
        for (var i = 0; i < hidden.Length; i++) x = x.Dense(Channels.Scaled(hidden[i], options.Width), $"fc{i + 1}").Relu();
        return network.Finish(x.Dense(options.Classes!.Value, $"fc{hidden.Length + 1}"));
    }
}
