namespace Nabi.Runtime.Kernels;

/// <summary>A convolution of NHWC images: the sliding window, the channels and the groups.</summary>
/// <remarks>
/// Input [Batch, Height, Width, InChannels], output [Batch, OutHeight, OutWidth, OutChannels], weights in ONNX order
/// [OutChannels, InChannels / Groups, KernelHeight, KernelWidth].
/// </remarks>
public readonly record struct ConvShape
{
    /// <summary>One group.</summary>
    public ConvShape()
    {
    }

    /// <summary>The sliding window.</summary>
    public required WindowShape Window { get; init; }

    /// <summary>Channels of the input, a multiple of <see cref="Groups"/>.</summary>
    public required int InChannels { get; init; }

    /// <summary>Channels of the output, a multiple of <see cref="Groups"/>.</summary>
    public required int OutChannels { get; init; }

    /// <summary>Groups of channels that see only each other.</summary>
    public int Groups { get; init; } = 1;

    /// <summary>Whether every channel is convolved with its own single filter.</summary>
    public bool IsDepthwise => Groups > 1 && Groups == InChannels && Groups == OutChannels;

    /// <summary>Elements of the weights.</summary>
    public long WeightSize => (long)OutChannels * (InChannels / Groups) * Window.KernelHeight * Window.KernelWidth;

    /// <summary>Multiply-accumulates, padding included.</summary>
    public long MultiplyAdds => (long)Window.Batch * Window.OutHeight * Window.OutWidth * WeightSize;

    internal void Check()
    {
        Window.Check();
        ArgumentOutOfRangeException.ThrowIfGreaterThan((long)Window.KernelHeight * Window.KernelWidth, TileLoop.MaxTaps, "kernel taps");
        ArgumentOutOfRangeException.ThrowIfLessThan(Groups, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(InChannels, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(OutChannels, 1);
        if (InChannels % Groups != 0 || OutChannels % Groups != 0)
            throw new ArgumentException($"Channels {InChannels} -> {OutChannels} are not divisible into {Groups} groups.");
        ArgumentOutOfRangeException.ThrowIfGreaterThan(
            (long)(InChannels / Groups) * Window.KernelHeight * Window.KernelWidth, int.MaxValue, "filter size");
        ArgumentOutOfRangeException.ThrowIfGreaterThan(
            (long)(OutChannels / Groups) * Window.KernelHeight * Window.KernelWidth, int.MaxValue, "filter size");
    }
}
