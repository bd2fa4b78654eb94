namespace Nabi.Models;

/// <summary>
/// Deep residual networks: He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", CVPR 2016. Table 1 (ImageNet) and
/// section 4.2 (CIFAR-10, n blocks per stage, 6n + 2 layers), there with zero-padded identity shortcuts (option A), here, as in most
/// reference code for 1x1 shortcuts, with projections (option B) for ImageNet and option A's parameter count kept for CIFAR by a
/// projection only where the size changes. <c>resnet8</c> is MLPerf Tiny's image classification reference (Banbury et al., 2021).
/// On inputs of 64 pixels and less the ImageNet networks begin with a 3x3 convolution of stride 1 and no pooling.
/// </summary>
public sealed class ResNet : ModelFamily
{
    private const string Paper = "He et al. 2016, Deep Residual Learning for Image Recognition";

    /// <inheritdoc/>
    public override IEnumerable<ModelEntry> Entries =>
    [
        ImageNet("resnet18", [2, 2, 2, 2], false, 11_689_512, 1_814_000_000),
        ImageNet("resnet34", [3, 4, 6, 3], false, 21_797_672, 3_664_000_000),
        ImageNet("resnet50", [3, 4, 6, 3], true, 25_557_032, 4_089_000_000),
        Cifar("resnet20", 3, 270_000, 41_000_000),
        Cifar("resnet32", 5, 460_000, 69_000_000) with
        {
            Difference = "0.46 M in the paper is rounded, and its shortcuts (option A) have no parameters: 466,906 less the 2,752 of two projections are 464,154.",
        },
        Cifar("resnet56", 9, 850_000, 126_000_000),
        new("resnet8", "Banbury et al. 2021, MLPerf Tiny Benchmark (image classification reference)", [3, 32, 32], 10,
            "three residual blocks, 16 to 64 channels", ResNet8) { ReferenceParameters = 78_666, ReferenceMacs = 12_500_000 },
    ];

    private static ModelEntry ImageNet(string name, int[] blocks, bool bottleneck, long parameters, long macs) =>
        new(name, Paper + ", table 1", [3, 224, 224], 1000, bottleneck ? "bottlenecks: 1x1 down, 3x3, 1x1 up" : "identity shortcuts", o => ImageNet(name, blocks, bottleneck, o))
        {
            ReferenceParameters = parameters,
            ReferenceMacs = macs,
        };

    private static ModelEntry Cifar(string name, int blocks, long parameters, long macs) =>
        new(name, Paper + ", section 4.2", [3, 32, 32], 10, "identity shortcuts, 16 to 64 channels", o => Cifar(name, blocks, o))
        {
            ReferenceParameters = parameters,
            ReferenceMacs = macs,
        };

    private static Graph ImageNet(string name, int[] blocks, bool bottleneck, ModelOptions options)
    {
        var network = new Network(name, options);
        var (x, stem) = (network.Input(options.Input!), Channels.Scaled(64, options.Width));
        x = options.Input![1] <= 64 ? x.ConvBnRelu(stem, 3, name: "stem") : x.ConvBnRelu(stem, 7, 2, name: "stem").MaxPool(3, 2, 1);
        for (var stage = 0; stage < blocks.Length; stage++)
        {
            var channels = Channels.Scaled(64 << stage, options.Width);
            for (var i = 0; i < options.Blocks(blocks[stage]); i++)
            {
                var (from, stride) = (x, i == 0 && stage > 0 ? 2 : 1);
                x = network.Scope($"layer{stage + 1}.{i}", () => bottleneck ? Bottleneck(from, channels, stride) : Basic(from, channels, stride));
            }
        }
        return network.Finish(x.GlobalAveragePool().Flatten().Dense(options.Classes!.Value));
    }

    private static Graph Cifar(string name, int blocks, ModelOptions options)
    {
        var network = new Network(name, options);
        var x = network.Input(options.Input!).ConvBnRelu(Channels.Scaled(16, options.Width), 3, name: "stem");
        for (var stage = 0; stage < 3; stage++)
        {
            for (var i = 0; i < options.Blocks(blocks); i++)
            {
                var (from, channels, stride) = (x, Channels.Scaled(16 << stage, options.Width), i == 0 && stage > 0 ? 2 : 1);
                x = network.Scope($"layer{stage + 1}.{i}", () => Basic(from, channels, stride));
            }
        }
        return network.Finish(x.GlobalAveragePool().Flatten().Dense(options.Classes!.Value));
    }

    private static Graph ResNet8(ModelOptions options)
    {
        var network = new Network("resnet8", options);
        var x = network.Input(options.Input!).ConvBnRelu(Channels.Scaled(16, options.Width), 3, name: "stem");
        for (var stage = 0; stage < 3; stage++)
        {
            var (from, channels, stride) = (x, Channels.Scaled(16 << stage, options.Width), stage > 0 ? 2 : 1);
            x = network.Scope($"layer{stage + 1}", () => Basic(from, channels, stride));
        }
        return network.Finish(x.GlobalAveragePool().Flatten().Dense(options.Classes!.Value));
    }

    // Figure 5, left: two 3x3 convolutions.
    private static Feature Basic(Feature x, int channels, int stride)
    {
        var shortcut = Shortcut(x, channels, stride);
        return x.ConvBnRelu(channels, 3, stride, name: "1").Conv(channels, 3, name: "2.conv").BatchNorm("2.bn").Add(shortcut).Relu();
    }

    // Figure 5, right: 1x1 down, 3x3, 1x1 up to four times the channels. The stride is in the 3x3, as in the common reference code (v1.5).
    private static Feature Bottleneck(Feature x, int channels, int stride)
    {
        var shortcut = Shortcut(x, 4 * channels, stride);
        return x.ConvBnRelu(channels, 1, name: "1").ConvBnRelu(channels, 3, stride, name: "2")
            .Conv(4 * channels, 1, name: "3.conv").BatchNorm("3.bn").Add(shortcut).Relu();
    }

    private static Feature Shortcut(Feature x, int channels, int stride) => stride == 1 && x.Channels == channels
        ? x
        : x.Conv(channels, 1, stride, name: "shortcut.conv").BatchNorm("shortcut.bn");
}
