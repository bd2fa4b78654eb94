using Nabi.Ops;

namespace Nabi.Models;

/// <summary>
/// CondenseNet (Huang et al. 2018, "CondenseNet: An Efficient DenseNet using Learned Group Convolutions", table 1) and CondenseNet V2 (Yang et
/// al. 2021, "CondenseNet V2: Sparse Feature Reactivation for Deep Networks", table 1). Every layer reads all layers before it, in its block and in
/// those before, which reach it by average pooling (section 3.4 of the first paper); the growth rate doubles from block to block.
/// </summary>
/// <remarks>
/// <para>
/// Each network is here twice. The <c>-learning</c> one is trained: its 1x1 convolutions are dense, and the compression step <c>condense</c> learns
/// which inputs (or, for sparse feature reactivation, which outputs) each group of filters keeps. The other is what that leaves, the condensed network
/// that is deployed: an index layer (Gather along the channels), a group convolution, a permutation. Before anything was learned, group g of
/// its index layers takes the g-th part of every earlier layer, and its classifier the first half of each.
/// </para>
/// <para>
/// Initial weights as in the authors' code: convolutions normal with variance 2 / (kernel^2 * output channels), whatever the groups; dense layers
/// uniform in +-1/sqrt(inputs), the bias of the first network's classifier 0. Growth rates times the width are rounded to multiples of the groups. On
/// inputs of 64 pixels and less the first stride is 1, as the authors do for CIFAR.
/// </para>
/// </remarks>
public sealed class CondenseNet : ModelFamily
{
    private const int Bottleneck = 4;

    private static readonly Design First = new([4, 6, 8, 10, 8], [8, 16, 32, 64, 128], Groups: 4);

    private static readonly Design SecondA = new([1, 1, 4, 6, 8], [8, 8, 16, 32, 64], Groups: 8)
    {
        Reactivates = true,
        HardSwishFrom = 2,
        SqueezeFrom = 3,
        Hidden = 828,
    };

    /// <inheritdoc/>
    public override IEnumerable<ModelEntry> Entries =>
    [
        new("condensenet-74", "Huang et al. 2018, CondenseNet, tables 1 and 4 (G = C = 4)", [3, 224, 224], 1000, "group convolutions that learned which features they need", o => Build("condensenet-74", First, o, isCondensed: true))
        {
            ReferenceParameters = 4_800_000, ReferenceMacs = 529_000_000,
            Difference = "the authors count an operation for every element of a ReLU (11.01 M) and of a pooling's input (1.67 M) too: 516.64 + 12.69 = 529.33 M",
        },
        new("condensenet-74-learning", "Huang et al. 2018, CondenseNet, section 3.2", [3, 224, 224], 1000, "becomes condensenet-74 by the step condense", o => Build("condensenet-74-learning", First, o, isCondensed: false)),
        new("condensenet-v2-a", "Yang et al. 2021, CondenseNet V2, tables 1 and 2", [3, 224, 224], 1000, "features are reused and reactivated sparsely", o => Build("condensenet-v2-a", SecondA, o, isCondensed: true))
        {
            ReferenceParameters = 2_000_000, ReferenceMacs = 46_000_000,
            Difference = "2.04 M parameters were rounded to two digits; the authors count elements of activations and poolings (2.73 M) too: 43.14 + 2.73 = 45.87 M",
        },
        new("condensenet-v2-a-learning", "Yang et al. 2021, CondenseNet V2, section 3.2", [3, 224, 224], 1000, "becomes condensenet-v2-a by the step condense", o => Build("condensenet-v2-a-learning", SecondA, o, isCondensed: false)),
    ];

    /// <summary>A row of the papers' tables: dense layers and growth rate of every block, groups of every group convolution.</summary>
    private sealed record Design(int[] Layers, int[] Growth, int Groups)
    {
        /// <summary>Do layers update the features before them (the second paper, section 3.2)?</summary>
        public bool Reactivates { get; init; }

        /// <summary>The first block with hard swish in place of ReLU.</summary>
        public int HardSwishFrom { get; init; } = int.MaxValue;

        /// <summary>The first block with squeeze and excitation.</summary>
        public int SqueezeFrom { get; init; } = int.MaxValue;

        /// <summary>Units of the dense layer before the classifier; 0 for none.</summary>
        public int Hidden { get; init; }
    }

    private static Graph Build(string name, Design design, ModelOptions options, bool isCondensed)
    {
        var network = new Network(name, options);
        var growth = Array.ConvertAll(design.Growth, g => Channels.Divisible(g * options.Width, design.Groups));
        var stem = Conv(network.Input(options.Input!), 2 * growth[0], 3, options.Input![1] <= 64 ? 1 : 2, 1, "stem.conv");
        var features = new DenseFeatures(stem, design.Groups, isCondensed);
        for (var block = 0; block < design.Layers.Length; block++)
        {
            var layer = new DenseLayer(growth[block], block >= design.HardSwishFrom, block >= design.SqueezeFrom, design.Reactivates);
            for (var i = 0; i < options.Blocks(design.Layers[block]); i++) network.Scope($"block{block + 1}.{i}", () => features.Grow(layer));
            if (block < design.Layers.Length - 1) features.Pool();
        }
        var pooled = features.All.BatchNorm("head.bn").Relu().GlobalAveragePool();
        if (design.Hidden == 0) return network.Finish(Classifier(features, pooled.Flatten(), options.Classes!.Value));
        var hidden = network.Scope("head", () => Excite(pooled, pooled, pooled.Channels / 16)).Flatten().Dense(Channels.Scaled(design.Hidden, options.Width), "head.fc").HardSwish();
        return network.Finish(hidden.Dense(options.Classes!.Value));
    }

    // Half of the inputs were pruned while it learned (section 4.1: G = 1 and C = 2).
    private static Feature Classifier(DenseFeatures features, Feature x, int classes)
    {
        if (features.IsCondensed) x = Gather(x, features.FirstHalves(), "fc.index");
        var (network, b) = (x.Network, x.Network.Builder);
        var weight = b.Parameter("fc.weight", network.Uniform([classes, x.Channels], 1 / Math.Sqrt(x.Channels)));
        var bias = b.Parameter("fc.bias", Tensor.Zeros(DType.Float32, [classes]));
        return x with { Value = b.ApplyNamed(new Gemm { TransB = true }, "fc", 1, [x.Value, weight, bias])[0] };
    }

    private static Feature Conv(Feature x, int channels, int kernel, int stride, int groups, string name)
    {
        var (b, layer) = (x.Network.Builder, x.Network.Named(name));
        var weight = b.Parameter($"{layer}.weight", x.Network.HeNormal([channels, x.Channels / groups, kernel, kernel], kernel * kernel * channels));
        return x with { Value = b.ApplyNamed(new Conv { Window = Window.Of(kernel, stride, kernel / 2), Group = groups }, layer, 1, [x.Value, weight])[0] };
    }

    // Two dense layers without bias, written as 1x1 convolutions of the pooled values, give a factor per channel.
    private static Feature Excite(Feature x, Feature pooled, int squeezed)
    {
        return x.Mul(Dense(Dense(pooled, Math.Max(1, squeezed), "se.reduce").Relu(), x.Channels, "se.expand").Apply(new Sigmoid()));

        static Feature Dense(Feature x, int units, string name)
        {
            var (b, layer) = (x.Network.Builder, x.Network.Named(name));
            var weight = b.Parameter($"{layer}.weight", x.Network.Uniform([units, x.Channels, 1, 1], 1 / Math.Sqrt(x.Channels)));
            return x with { Value = b.ApplyNamed(new Conv { Window = Window.Of(1, 1) }, layer, 1, [x.Value, weight])[0] };
        }
    }

    private static Feature Gather(Feature x, int[] indices, string name)
    {
        var (b, layer) = (x.Network.Builder, x.Network.Named(name));
        var constant = b.Constant(Tensor.Vector<long>(Array.ConvertAll(indices, i => (long)i)), $"{layer}.channels");
        return x with { Value = b.ApplyNamed(new Gather { Axis = 1 }, layer, 1, [x.Value, constant])[0] };
    }

    /// <summary>A dense layer of a block (figure 3 of the second paper): what it adds, and what stands in it.</summary>
    private sealed record DenseLayer(int Growth, bool HasHardSwish, bool Squeezes, bool Reactivates);

    /// <summary>The features of all layers so far, concatenated, and of how many channels each layer is.</summary>
    private sealed class DenseFeatures(Feature stem, int groups, bool isCondensed)
    {
        private readonly List<int> _layers = [stem.Channels];

        public Feature All { get; private set; } = stem;

        public bool IsCondensed => isCondensed;

        public void Pool() => All = All.AveragePool(2, 2);

        /// <summary>Learned 1x1 group convolution, 3x3 group convolution; the new features are joined to the old, which they may update.</summary>
        public Feature Grow(DenseLayer layer)
        {
            var (before, network) = (All, All.Network);
            var middle = network.Scope("lgc", () => LearnedGroupConvolution(before, Bottleneck * layer.Growth, layer));
            var x = network.Scope("conv", () => Conv(Activated(middle, layer), layer.Growth, 3, 1, groups, "conv"));
            if (layer.Squeezes) x = Excite(x, x.GlobalAveragePool(), x.Channels);
            if (layer.Reactivates) before = before.Add(network.Scope("sfr", () => SparseFeatureReactivation(x, before.Channels, layer)));
            _layers.Add(layer.Growth);
            return All = before.Concat(x);
        }

        // Section 3.2 and figure 1: filter f belongs to group f mod G, so condensed filters, group after group, are put back in order by a shuffle.
        private Feature LearnedGroupConvolution(Feature x, int filters, DenseLayer layer)
        {
            if (!isCondensed) return Conv(Activated(x, layer), filters, 1, 1, 1, "conv");
            return Conv(Activated(Gather(x, Shares(), "index"), layer), filters, 1, 1, groups, "conv").ChannelShuffle(groups);
        }

        // Section 3.2 of the second paper: input j belongs to group j mod G, and each group updates its own choice of the features before.
        private Feature SparseFeatureReactivation(Feature x, int outputs, DenseLayer layer)
        {
            x = Activated(x, layer);
            if (!isCondensed) return Conv(x, outputs, 1, 1, 1, "conv");
            var positions = new int[outputs];
            var order = Shares();
            for (var i = 0; i < order.Length; i++) positions[order[i]] = i;
            return Gather(Conv(x.ChannelShuffle(x.Channels / groups), outputs, 1, 1, groups, "conv"), positions, "index");
        }

        private static Feature Activated(Feature x, DenseLayer layer)
        {
            x = x.BatchNorm();
            return layer.HasHardSwish ? x.HardSwish() : x.Relu();
        }

        // For group after group its part of every layer.
        private int[] Shares()
        {
            var order = new List<int>();
            for (var group = 0; group < groups; group++) AddParts(order, group, groups);
            return [.. order];
        }

        /// <summary>The first half of every layer.</summary>
        public int[] FirstHalves()
        {
            var half = new List<int>();
            AddParts(half, 0, 2);
            return [.. half];
        }

        private void AddParts(List<int> channels, int part, int parts)
        {
            var first = 0;
            foreach (var width in _layers)
            {
                for (var i = part * width / parts; i < (part + 1) * width / parts; i++) channels.Add(first + i);
                first += width;
            }
        }
    }
}
