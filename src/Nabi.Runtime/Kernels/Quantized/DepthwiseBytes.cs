using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Nabi.Runtime.Kernels;

/// <summary>One filter per channel on unsigned bytes, channels in 32-bit lanes, eight output pixels at a time so that each weight is loaded once for eight products.</summary>
/// <remarks>Whole registers are read: up to <see cref="Padding"/> - 1 bytes past the last channel of the last pixel, and as many elements of the bias and of the weights of a tap.</remarks>
internal unsafe struct DepthwiseBytes : IKernel
{
    /// <summary>Channels of weights and bias are padded to multiples of this, the widest register.</summary>
    public const int Padding = 16;

    private const int Pixels = 8;

    /// <summary>Channels between the micro-kernel and the sink.</summary>
    private const int StripChannels = 256;

    /// <summary>Output pixels; one pointer leads to a row of the window.</summary>
    public WindowRows Source;

    /// <summary>Channels.</summary>
    public int Channels;

    /// <summary>Taps in a row of the window.</summary>
    public int Columns;

    /// <summary>Bytes between the taps of a row.</summary>
    public nint Step;

    /// <summary>[taps][channels, padded].</summary>
    public int* Weights;

    /// <summary>Receives the sums; its bias is not null and padded.</summary>
    public QuantizedSink Sink;

    public void Run<L, V>(int worker, int workers)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        if (L.Count == 16)
            Tiles<Pairs512, Vector512<int>>(worker, workers);
        else if (L.Count == 8)
            Tiles<Pairs256, Vector256<int>>(worker, workers);
        else if (L.Count == 4)
            Tiles<Pairs128, Vector128<int>>(worker, workers);
        else
            Tiles<Pairs32, int>(worker, workers);
    }

    [SkipLocalsInit]
    private readonly void Tiles<L, V>(int worker, int workers)
        where L : unmanaged, IByteLanes<V>
        where V : unmanaged
    {
        var (first, last) = WorkPool.Share((Source.Rows + Pixels - 1) / Pixels, worker, workers);
        var inputs = stackalloc float*[Source.MaxTaps * Pixels];
        var numbers = stackalloc long[Pixels];
        var sums = stackalloc int[Pixels * StripChannels];
        for (var tile = first; tile < last; tile++)
        {
            var row = tile * Pixels;
            var count = Math.Min(Pixels, Source.Rows - row);
            Source.Inputs(row, count, Pixels, 0, Source.Depth, inputs, numbers, out _, out _);
            for (var strip = 0; strip < Channels; strip += StripChannels)
            {
                var columns = Math.Min(StripChannels, Channels - strip);
                for (var c = 0; c < columns; c += L.Count)
                    Eight<L, V>((byte**)inputs, strip + c, sums + c);
                Sink.Close<L, V>((float*)sums, StripChannels, numbers, count, strip, columns);
            }
        }
    }

    /// <summary>Eight pixels, one register of channels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Eight<L, V>(byte** inputs, int channel, int* sums)
        where L : unmanaged, IByteLanes<V>
        where V : unmanaged
    {
        var c0 = L.Load((float*)(Sink.BiasValues + channel));
        V c1 = c0, c2 = c0, c3 = c0, c4 = c0, c5 = c0, c6 = c0, c7 = c0;
        var weights = Weights + channel;
        nint nextTap = (Channels + Padding - 1) / Padding * Padding;
        var step = Step;
        for (var tapRow = Source.TapRows; tapRow > 0; tapRow--)
        {
            byte* x0 = inputs[0] + channel, x1 = inputs[1] + channel, x2 = inputs[2] + channel, x3 = inputs[3] + channel;
            byte* x4 = inputs[4] + channel, x5 = inputs[5] + channel, x6 = inputs[6] + channel, x7 = inputs[7] + channel;
            inputs += Pixels;
            nint at = 0;
            for (var n = Columns; n > 0; n--)
            {
                var w = L.Load((float*)weights);
                c0 = L.MultiplyAdd(L.LoadBytes(x0 + at), w, c0);
                c1 = L.MultiplyAdd(L.LoadBytes(x1 + at), w, c1);
                c2 = L.MultiplyAdd(L.LoadBytes(x2 + at), w, c2);
                c3 = L.MultiplyAdd(L.LoadBytes(x3 + at), w, c3);
                c4 = L.MultiplyAdd(L.LoadBytes(x4 + at), w, c4);
                c5 = L.MultiplyAdd(L.LoadBytes(x5 + at), w, c5);
                c6 = L.MultiplyAdd(L.LoadBytes(x6 + at), w, c6);
                c7 = L.MultiplyAdd(L.LoadBytes(x7 + at), w, c7);
                weights += nextTap;
                at += step;
            }
        }
        L.Store(c0, (float*)sums);
        L.Store(c1, (float*)(sums + StripChannels));
        L.Store(c2, (float*)(sums + (2 * StripChannels)));
        L.Store(c3, (float*)(sums + (3 * StripChannels)));
        L.Store(c4, (float*)(sums + (4 * StripChannels)));
        L.Store(c5, (float*)(sums + (5 * StripChannels)));
        L.Store(c6, (float*)(sums + (6 * StripChannels)));
        L.Store(c7, (float*)(sums + (7 * StripChannels)));
    }
}
