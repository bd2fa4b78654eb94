using Nabi.Ops;

namespace Nabi.Models;

/// <summary>
/// 1-D DS-CNN: the streaming wake word network of MLPerf Tiny 1.3: depthwise separable convolutions along time over [features, time], 40 log-mel values of 30 frames,
/// without padding, each block batch normalization, ReLU and dropout 0.2 after its pointwise convolution. What is left of time is averaged: one frame at 30.
/// Weights are He's as in the rest of the zoo.
/// </summary>
public sealed class DsCnn1D : ModelFamily
{
    private static readonly (int Channels, int Kernel)[] Blocks = [(128, 3), (128, 5), (128, 10), (32, 15)];

    /// <inheritdoc/>
    public override IEnumerable<ModelEntry> Entries =>
    [
        new("ds-cnn-1d", "MLPerf Tiny 1.3 streaming wake word reference", [40, 30], 3, "1-D depthwise separable convolutions along time", Build)
        {
            ReferenceParameters = 46_883, ReferenceMacs = 826_368,
        },
    ];

    private static Graph Build(ModelOptions options)
    {
        var frames = Blocks.Sum(b => b.Kernel - 1) + 1;
        if (options.Input![1] < frames) throw new NabiException($"Network 'ds-cnn-1d' reads {frames} frames or more, not {options.Input[1]}; give it a longer input, for example 40x30.");
        var network = new Network("ds-cnn-1d", options);
        var x = network.Input(options.Input);
        for (var i = 0; i < Blocks.Length; i++)
        {
            var (from, block) = (x, Blocks[i]);
            x = network.Scope($"block{i}", () => Conv(Conv(from, from.Channels, block.Kernel, from.Channels, "depthwise"), Channels.Scaled(block.Channels, options.Width), 1, 1, "pointwise")
                .BatchNorm().Relu().Dropout(0.2f));
        }
        return network.Finish(x.GlobalAveragePool().Flatten().Dense(options.Classes!.Value));
    }

    // [N, C, T] without padding; weights [channels, C / groups, kernel].
    private static Feature Conv(Feature x, int channels, int kernel, int groups, string name)
    {
        var network = x.Network;
        var weight = network.Parameter($"{name}.weight", network.HeNormal([channels, x.Channels / groups, kernel], kernel * channels / groups));
        var op = new Conv { Window = new Window { KernelShape = [kernel], Strides = [1], Pads = [0, 0] }, Group = groups };
        return x with { Value = network.Builder.ApplyNamed(op, network.Named(name), 1, [x.Value, weight])[0] };
    }
}
