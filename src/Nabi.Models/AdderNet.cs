using Nabi.Ops;

namespace Nabi.Models;

/// <summary>
/// AdderNet: Chen, Wang, Xu, Shi, Xu, Tian and Xu, "AdderNet: Do We Really Need Multiplications in Deep Learning?", CVPR 2020. A residual network whose
/// convolutions, the projections of its shortcuts among them, are <see cref="AdderConv"/>; the first and the last layer stay convolutions (section 4.2).
/// As in the reference code: filters normal with variance 1, convolutions uniform in +-1/sqrt(fan-in), a 1x1 convolution with batch normalization as
/// classifier. Training scales the filters' gradients layer by layer (equations 9 and 10).
/// </summary>
/// <remarks>
/// The paper's table 2 gives ResNet-20 0 multiplications and 82.34 M additions: it counts the first and the last layer with the additions. Here they are
/// the 0.44 M multiply-accumulates that are left, and the adder layers alone make 80.74 M additions.
/// </remarks>
public sealed class AdderNet : ModelFamily
{
    /// <inheritdoc/>
    public override IEnumerable<ModelEntry> Entries =>
    [
        new("addernet-resnet20", "Chen et al. 2020, AdderNet: Do We Really Need Multiplications in Deep Learning, table 2", [3, 32, 32], 10,
            "additions in place of multiplications", o => Build("addernet-resnet20", 3, o)),
    ];

    private static Graph Build(string name, int blocks, ModelOptions options)
    {
        var network = new Network(name, options);
        var x = Conv(network.Input(options.Input!), Channels.Scaled(16, options.Width), 3, "stem.conv").BatchNorm("stem.bn").Relu();
        for (var stage = 0; stage < 3; stage++)
        {
            for (var i = 0; i < options.Blocks(blocks); i++)
            {
                var (from, channels, stride) = (x, Channels.Scaled(16 << stage, options.Width), i == 0 && stage > 0 ? 2 : 1);
                x = network.Scope($"layer{stage + 1}.{i}", () => Basic(from, channels, stride));
            }
        }
        return network.Finish(Conv(x.GlobalAveragePool(), options.Classes!.Value, 1, "fc.conv").BatchNorm("fc.bn").Flatten());
    }

    // The residual block with two 3x3 layers.
    private static Feature Basic(Feature x, int channels, int stride)
    {
        var shortcut = stride == 1 && x.Channels == channels ? x : Adder(x, channels, 1, stride, "shortcut.adder").BatchNorm("shortcut.bn");
        return Adder(Adder(x, channels, 3, stride, "1.adder").BatchNorm("1.bn").Relu(), channels, 3, 1, "2.adder").BatchNorm("2.bn").Add(shortcut).Relu();
    }

    private static Feature Adder(Feature x, int channels, int kernel, int stride, string name)
    {
        var (network, layer) = (x.Network, x.Network.Named(name));
        var filter = network.Builder.Parameter($"{layer}.weight", network.Normal([channels, x.Channels, kernel, kernel], 1));
        return Layer(x, new AdderConv { Window = Window.Of(kernel, stride, kernel / 2) }, layer, filter);
    }

    private static Feature Conv(Feature x, int channels, int kernel, string name)
    {
        var (network, layer) = (x.Network, x.Network.Named(name));
        var weight = network.Builder.Parameter($"{layer}.weight", network.Uniform([channels, x.Channels, kernel, kernel], 1 / Math.Sqrt(x.Channels * kernel * kernel)));
        return Layer(x, new Conv { Window = Window.Of(kernel, 1, kernel / 2) }, layer, weight);
    }

    private static Feature Layer(Feature x, Op op, string layer, Value weight) =>
        x with { Value = x.Network.Builder.ApplyNamed(op, layer, 1, [x.Value, weight])[0] };
}
