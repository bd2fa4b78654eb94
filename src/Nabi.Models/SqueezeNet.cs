namespace Nabi.Models;

/// <summary>
/// SqueezeNet: Iandola et al. 2016, "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters", table 1 (1.0), and the authors' 1.1 with
/// smaller early layers. A Fire module squeezes by 1x1 convolutions and expands by 1x1 and 3x3 side by side.
/// </summary>
public sealed class SqueezeNet : ModelFamily
{
    private const string Paper = "Iandola et al. 2016, SqueezeNet";

    // Squeeze and expand channels (each of the two); 0 is a max pooling.
    private static readonly (int Squeeze, int Expand)[] Version10 =
        [(16, 64), (16, 64), (32, 128), (0, 0), (32, 128), (48, 192), (48, 192), (64, 256), (0, 0), (64, 256)];

    private static readonly (int Squeeze, int Expand)[] Version11 =
        [(16, 64), (16, 64), (0, 0), (32, 128), (32, 128), (0, 0), (48, 192), (48, 192), (64, 256), (64, 256)];

    /// <inheritdoc/>
    public override IEnumerable<ModelEntry> Entries =>
    [
        new("squeezenet-1.0", Paper + ", table 1", [3, 224, 224], 1000, "Fire modules", o => Build("squeezenet-1.0", 96, 7, Version10, o))
        {
            ReferenceParameters = 1_248_424, ReferenceMacs = 819_000_000,
        },
        new("squeezenet-1.1", Paper + ", the authors' version 1.1", [3, 224, 224], 1000, "Fire modules, early pooling", o => Build("squeezenet-1.1", 64, 3, Version11, o))
        {
            ReferenceParameters = 1_235_496, ReferenceMacs = 349_000_000,
        },
    ];

    private static Graph Build(string name, int stem, int kernel, (int Squeeze, int Expand)[] rows, ModelOptions options)
    {
        var network = new Network(name, options);
        var small = options.Input![1] <= 64;
        var x = network.Input(options.Input).Conv(Channels.Scaled(stem, options.Width), small ? 3 : kernel, small ? 1 : 2, small ? 1 : 0, bias: true, name: "stem").Relu().MaxPool(3, 2, ceil: true);
        for (var i = 0; i < rows.Length; i++)
        {
            var (from, row) = (x, rows[i]);
            x = row.Squeeze == 0 ? x.MaxPool(3, 2, ceil: true)
                : network.Scope($"fire{i + 2}", () => Fire(from, Channels.Scaled(row.Squeeze, options.Width), Channels.Scaled(row.Expand, options.Width)));
        }
        return network.Finish(x.Dropout(0.5f).Conv(options.Classes!.Value, 1, bias: true, name: "classifier").Relu().GlobalAveragePool().Flatten());
    }

    // Figure 1.
    private static Feature Fire(Feature x, int squeeze, int expand)
    {
        var narrow = x.Conv(squeeze, 1, bias: true, name: "squeeze").Relu();
        return narrow.Conv(expand, 1, bias: true, name: "expand1x1").Relu().Concat(narrow.Conv(expand, 3, bias: true, name: "expand3x3").Relu());
    }
}
