using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>The weight gradient of a depthwise convolution: channels in the lanes, the taps of one kernel row summed in registers over lines of output pixels.</summary>
/// <remarks>The lines are divided into <see cref="Slices"/> that depend on the sizes alone and have sums of their own, so the number of workers changes no bits.</remarks>
internal unsafe struct DepthwiseWeightGradientKernel : IKernel
{
    private const int MostSlices = 8;

    /// <summary>Bytes of output gradients whose strips of channels are taken in turn while they lie in the first-level cache.</summary>
    private const long BlockBytes = 16 * 1024;

    /// <summary>Output pixels of the forward direction; its channels are the groups.</summary>
    public ImageRows Source;

    /// <summary>[Batch, OutHeight, OutWidth, channels].</summary>
    public float* OutputGradient;

    /// <summary>Input lines from one line of output pixels to the next.</summary>
    public int RowStride;

    /// <summary>[slice][tap][channel], written.</summary>
    public float* Sums;

    /// <summary>Independent sums for so many lines of output pixels; 0 lines have one slice, of zeros.</summary>
    public static int Slices(int lines) => Math.Clamp(lines, 1, MostSlices);

    public readonly void Run<L, V>(int worker, int workers)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var (channels, lines) = (Source.Channels, Source.Batch * Source.RowCount);
        var slices = Slices(lines);
        var size = (long)Source.RowTaps * Source.ColumnTaps * channels;
        var step = (int)Math.Max(1, BlockBytes / Math.Max(1, (long)Source.ColumnCount * channels * sizeof(float)));
        var (first, last) = WorkPool.Share(slices, worker, workers);
        for (var slice = first; slice < last; slice++)
        {
            var sums = Sums + (slice * size);
            new Span<float>(sums, checked((int)size)).Clear();
            var (line, end) = WorkPool.Share(lines, slice, slices);
            for (; line < end; line += step)
            {
                var stop = Math.Min(end, line + step);
                Prefetch(line, stop);
                for (var c = 0; c < channels; c += L.Count)
                    Block<L, V>(line, stop, c, sums + c);
            }
        }
    }

    /// <summary>Asks for what a block of lines reads and the block before did not.</summary>
    private readonly void Prefetch(int line, int end)
    {
        for (; line < end; line++)
        {
            for (var y = 0; y < Source.RowTaps; y++)
            {
                if (TryLine(line, 0, y, out var x, out var gradient) && y >= Source.RowTaps - RowStride) Simd.Prefetch(x, Source.InWidth * Source.PixelStride);
                if (y == 0) Simd.Prefetch(gradient, (long)Source.ColumnCount * Source.Channels);
            }
        }
    }

    /// <summary>Adds what a block of lines gives one strip of channels.</summary>
    private readonly void Block<L, V>(int line, int end, int channel, float* sums)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        for (var y = 0; y < Source.RowTaps; y++)
        {
            var tap = 0;
            for (; tap <= Source.ColumnTaps - 5; tap += 5, sums += 5L * Source.Channels)
                FiveTaps<L, V>(line, end, channel, y, tap, sums);
            for (; tap <= Source.ColumnTaps - 3; tap += 3, sums += 3L * Source.Channels)
                ThreeTaps<L, V>(line, end, channel, y, tap, sums);
            for (; tap < Source.ColumnTaps; tap++, sums += Source.Channels)
                OneTap<L, V>(line, end, channel, y, tap, sums);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void FiveTaps<L, V>(int line, int end, int channel, int y, int tap, float* sums)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        nint channels = Source.Channels, left = channels - channel;
        var (s0, s1, s2) = (Simd.Load<L, V>(sums, left), Simd.Load<L, V>(sums + channels, left), Simd.Load<L, V>(sums + (2 * channels), left));
        var (s3, s4) = (Simd.Load<L, V>(sums + (3 * channels), left), Simd.Load<L, V>(sums + (4 * channels), left));
        for (; line < end; line++)
        {
            if (!TryLine(line, channel, y, out var x, out var gradient)) continue;
            for (var column = 0; column < Source.ColumnCount; column++, gradient += channels)
            {
                var at = Source.ColumnOffsets + ((nint)column * Source.ColumnTaps) + tap;
                var g = Simd.Load<L, V>(gradient, left);
                if (column >= Source.InteriorStart && column < Source.InteriorEnd)
                {
                    var pixel = x + (at[0] * Source.PixelStride);
                    nint next = (at[1] - at[0]) * (nint)Source.PixelStride;
                    s0 = L.MultiplyAdd(Simd.Load<L, V>(pixel, left), g, s0);
                    s1 = L.MultiplyAdd(Simd.Load<L, V>(pixel + next, left), g, s1);
                    s2 = L.MultiplyAdd(Simd.Load<L, V>(pixel + (2 * next), left), g, s2);
                    s3 = L.MultiplyAdd(Simd.Load<L, V>(pixel + (3 * next), left), g, s3);
                    s4 = L.MultiplyAdd(Simd.Load<L, V>(pixel + (4 * next), left), g, s4);
                    continue;
                }
                if (at[0] >= 0) s0 = L.MultiplyAdd(Simd.Load<L, V>(x + (at[0] * Source.PixelStride), left), g, s0);
                if (at[1] >= 0) s1 = L.MultiplyAdd(Simd.Load<L, V>(x + (at[1] * Source.PixelStride), left), g, s1);
                if (at[2] >= 0) s2 = L.MultiplyAdd(Simd.Load<L, V>(x + (at[2] * Source.PixelStride), left), g, s2);
                if (at[3] >= 0) s3 = L.MultiplyAdd(Simd.Load<L, V>(x + (at[3] * Source.PixelStride), left), g, s3);
                if (at[4] >= 0) s4 = L.MultiplyAdd(Simd.Load<L, V>(x + (at[4] * Source.PixelStride), left), g, s4);
            }
        }
        Simd.Store<L, V>(s0, sums, left);
        Simd.Store<L, V>(s1, sums + channels, left);
        Simd.Store<L, V>(s2, sums + (2 * channels), left);
        Simd.Store<L, V>(s3, sums + (3 * channels), left);
        Simd.Store<L, V>(s4, sums + (4 * channels), left);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void ThreeTaps<L, V>(int line, int end, int channel, int y, int tap, float* sums)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        nint channels = Source.Channels, left = channels - channel;
        var (s0, s1, s2) = (Simd.Load<L, V>(sums, left), Simd.Load<L, V>(sums + channels, left), Simd.Load<L, V>(sums + (2 * channels), left));
        for (; line < end; line++)
        {
            if (!TryLine(line, channel, y, out var x, out var gradient)) continue;
            for (var column = 0; column < Source.ColumnCount; column++, gradient += channels)
            {
                var at = Source.ColumnOffsets + ((nint)column * Source.ColumnTaps) + tap;
                var g = Simd.Load<L, V>(gradient, left);
                if (column >= Source.InteriorStart && column < Source.InteriorEnd)
                {
                    var pixel = x + (at[0] * Source.PixelStride);
                    nint next = (at[1] - at[0]) * (nint)Source.PixelStride;
                    s0 = L.MultiplyAdd(Simd.Load<L, V>(pixel, left), g, s0);
                    s1 = L.MultiplyAdd(Simd.Load<L, V>(pixel + next, left), g, s1);
                    s2 = L.MultiplyAdd(Simd.Load<L, V>(pixel + (2 * next), left), g, s2);
                    continue;
                }
                if (at[0] >= 0) s0 = L.MultiplyAdd(Simd.Load<L, V>(x + (at[0] * Source.PixelStride), left), g, s0);
                if (at[1] >= 0) s1 = L.MultiplyAdd(Simd.Load<L, V>(x + (at[1] * Source.PixelStride), left), g, s1);
                if (at[2] >= 0) s2 = L.MultiplyAdd(Simd.Load<L, V>(x + (at[2] * Source.PixelStride), left), g, s2);
            }
        }
        Simd.Store<L, V>(s0, sums, left);
        Simd.Store<L, V>(s1, sums + channels, left);
        Simd.Store<L, V>(s2, sums + (2 * channels), left);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void OneTap<L, V>(int line, int end, int channel, int y, int tap, float* sums)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        nint channels = Source.Channels, left = channels - channel;
        var sum = Simd.Load<L, V>(sums, left);
        for (; line < end; line++)
        {
            if (!TryLine(line, channel, y, out var x, out var gradient)) continue;
            var at = Source.ColumnOffsets + tap;
            for (var column = 0; column < Source.ColumnCount; column++, gradient += channels, at += Source.ColumnTaps)
            {
                if (*at >= 0) sum = L.MultiplyAdd(Simd.Load<L, V>(x + (*at * Source.PixelStride), left), Simd.Load<L, V>(gradient, left), sum);
            }
        }
        Simd.Store<L, V>(sum, sums, left);
    }

    /// <summary>The input line under kernel row <paramref name="y"/> and the gradients of a line of output pixels; false if padding is under it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly bool TryLine(int line, int channel, int y, out float* x, out float* gradient)
    {
        var (image, row) = Math.DivRem(line, Source.RowCount);
        var inRow = Source.RowOffsets[((nint)row * Source.RowTaps) + y];
        x = Source.Source + ((((long)image * Source.InHeight) + inRow) * Source.InWidth * Source.PixelStride) + channel;
        gradient = OutputGradient + ((long)line * Source.ColumnCount * Source.Channels) + channel;
        return inRow >= 0;
    }
}
