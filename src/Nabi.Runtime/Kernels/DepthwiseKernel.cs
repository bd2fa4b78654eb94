using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>A convolution with one filter per channel: lines of output pixels straight from the image, channels in the lanes.</summary>
/// <remarks>Taps over padding are left out. Away from the left and right border all pixels of a line see the same taps and are computed together.</remarks>
internal unsafe struct DepthwiseKernel : IKernel
{
    /// <summary>Pixels are divided among workers by so many.</summary>
    private const int Unit = 8;

    /// <summary>Weights of a strip of channels.</summary>
    private const int WeightFloats = 3072;

    /// <summary>Fewer channels in a strip would have too little of each pixel.</summary>
    private const int LeastStrip = 64;

    /// <summary>Floats to which is done together what the store cannot do, while they lie in the first-level cache.</summary>
    private const int OpenFloats = 2048;

    /// <summary>Pixels to which that is done.</summary>
    private const int MostOpen = 128;

    /// <summary>Output pixels; its channels are the groups.</summary>
    public ImageRows Source;

    /// <summary>From <see cref="Pack"/>.</summary>
    public float* Weights;

    /// <summary>Input rows from one tap to the next below.</summary>
    public int RowTapStep;

    /// <summary>Input columns from one tap to the next.</summary>
    public int ColumnTapStep;

    public FloatSink Sink;

    /// <summary>Floats of the packed weights.</summary>
    public static long PackedSize(int channels, int taps) => (channels + Simd.Lanes - 1L) / Simd.Lanes * Simd.Lanes * taps;

    /// <summary>Weights as [block of channels][tap][lanes], zeros behind the last channel.</summary>
    /// <param name="weights">[channels, kernel].</param>
    /// <param name="channels">Filters.</param>
    /// <param name="kernel">Taps of a filter.</param>
    /// <param name="taps">Those wanted, in the order of accumulation.</param>
    /// <param name="packed">Receives <see cref="PackedSize"/> floats.</param>
    public static void Pack(float* weights, int channels, int kernel, ReadOnlySpan<int> taps, float* packed)
    {
        for (var first = 0; first < channels; first += Simd.Lanes)
        {
            foreach (var tap in taps)
            {
                for (var c = first; c < first + Simd.Lanes; c++)
                    *packed++ = c < channels ? weights[((long)c * kernel) + tap] : 0f;
            }
        }
    }

    [SkipLocalsInit]
    public readonly void Run<L, V>(int worker, int workers)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var (unit, lastUnit) = WorkPool.Share((Source.Rows + Unit - 1) / Unit, worker, workers);
        var (pixel, end) = (unit * Unit, Math.Min(Source.Rows, lastUnit * Unit));
        var tile = new DepthwiseTile
        {
            InputStep = InputStep * (nint)Source.PixelStride,
            RowStep = RowTapStep * Source.InWidth * (nint)Source.PixelStride,
            TapStep = ColumnTapStep * (nint)Source.PixelStride,
            WeightRowStep = Source.ColumnTaps * L.Count,
            WeightBlockStep = (nint)Source.RowTaps * Source.ColumnTaps * L.Count,
            OutputStep = (nint)(Sink.Target(Source.ColumnStep) - Sink.Target(0)),
            Load = Sink.Accumulates,
        };
        tile.Clamp = Sink.TryGetRange(out tile.Low, out tile.High);
        var numbers = stackalloc long[MostOpen];
        var strip = Strip(L.Count);
        for (var channel = 0; channel < Source.Channels; channel += strip)
        {
            tile.Channels = Math.Min(strip, Source.Channels - channel);
            tile.Bias = Sink.Bias is null ? null : Sink.Bias + channel;
            var at = pixel;
            while (at < end)
            {
                var (line, column) = Math.DivRem(at, Source.ColumnCount);
                var stop = Math.Min(Source.ColumnCount, column + end - at);
                at += stop - column;
                Line<L, V>(&tile, line, column, stop, channel, numbers);
            }
        }
    }

    /// <summary>Channels computed at a time: pixel by pixel, their weights are read from the first-level cache.</summary>
    private readonly int Strip(int lanes)
    {
        var most = Math.Max(LeastStrip, WeightFloats / Math.Max(1, Source.RowTaps * Source.ColumnTaps));
        var strips = (Source.Channels + most - 1) / most;
        return (((Source.Channels + strips - 1) / strips) + lanes - 1) / lanes * lanes;
    }

    private readonly int InputStep => Source.InteriorEnd - Source.InteriorStart > 1
        ? Source.ColumnOffsets[((nint)Source.InteriorStart + 1) * Source.ColumnTaps] - Source.ColumnOffsets[(nint)Source.InteriorStart * Source.ColumnTaps]
        : 0;

    /// <summary>Output pixels [column, end) of a line.</summary>
    private readonly void Line<L, V>(DepthwiseTile* tile, int line, int column, int end, int channel, long* numbers)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var (image, row) = Math.DivRem(line, Source.RowCount);
        var (firstRow, rows) = Inside(Source.RowOffsets + ((nint)row * Source.RowTaps), Source.RowTaps);
        tile->TapRows = rows;
        var inRow = rows == 0 ? 0 : Source.RowOffsets[((nint)row * Source.RowTaps) + firstRow];
        var input = Source.Source + (((long)image * Source.InHeight) + inRow) * Source.InWidth * Source.PixelStride + channel;
        var weights = Weights + (channel / L.Count * tile->WeightBlockStep) + (firstRow * tile->WeightRowStep);
        var number = ((((long)image * Source.OutHeight) + Source.RowFirst + (row * Source.RowStep)) * Source.OutWidth) + Source.ColumnFirst;
        var most = Sink.FinishesInStore ? int.MaxValue : Math.Clamp(OpenFloats / (Unit * tile->Channels), 1, MostOpen / Unit) * Unit;
        while (column < end)
        {
            var offsets = Source.ColumnOffsets + ((nint)column * Source.ColumnTaps);
            var (firstColumn, columns) = Inside(offsets, Source.ColumnTaps);
            tile->TapColumns = columns;
            tile->Input = input + (columns == 0 ? 0 : offsets[firstColumn] * Source.PixelStride);
            tile->Weights = weights + (firstColumn * L.Count);
            var first = number + ((long)column * Source.ColumnStep);
            tile->Output = Sink.Target(first) + channel;
            var count = column >= Source.InteriorStart && column < Source.InteriorEnd ? Math.Min(Math.Min(end, Source.InteriorEnd) - column, most) : 1;
            tile->Run<L, V>(count);
            if (!Sink.FinishesInStore)
            {
                for (var i = 0; i < count; i++)
                    numbers[i] = first + (i * (long)Source.ColumnStep);
                Sink.Finish(numbers, count, channel, tile->Channels);
            }
            column += count;
        }
    }

    /// <summary>The taps of one position that do not lie over padding: always neighbours.</summary>
    private static (int First, int Count) Inside(int* offsets, int taps)
    {
        var first = 0;
        while (first < taps && offsets[first] < 0)
            first++;
        var end = taps;
        while (end > first && offsets[end - 1] < 0)
            end--;
        return (first, end - first);
    }
}
