using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Nabi.Runtime.Kernels;

/// <summary>A convolution (or with 1 x 1 images a matrix product) of 8-bit NHWC images with 8-bit weights, accumulated in 32 bits and rounded once.</summary>
/// <remarks>
/// <para>y = clamp(zero_y + round(m[o] * (bias[o] + sum (x - zero_x) * w)), low, high) with the rounding of <see cref="Requantizer"/>; padding stands for
/// x = zero_x. Sums are exact, so all widths and numbers of workers give the same bytes.</para>
/// <para>The input is widened to 16 bits with its zero point taken off and padded, once per run; pairs of numbers that follow each other in a row of
/// the window are then multiplied and added in 32-bit lanes, which cannot saturate. A row of odd length ends with a weight of zero. Depthwise convolutions use float lanes: their sums stay below 2^24, where floats are exact integers.</para>
/// <para>An instance is immutable and may be used by several threads.</para>
/// </remarks>
public sealed unsafe class QuantizedConvolution
{
    /// <summary>Longest reduction whose sum of products of 9-bit and 8-bit numbers fits 31 bits.</summary>
    private const int MaxDepth = int.MaxValue / (255 * 128);

    /// <summary>Most taps of a depthwise filter whose sums are exact in single precision.</summary>
    private const int MaxDepthwiseTaps = (1 << 24) / (255 * 128);

    private readonly Indirection indirection;
    private readonly PaddedImage padded;

    /// <summary>Prepares a convolution.</summary>
    /// <param name="shape">Geometry.</param>
    /// <exception cref="ArgumentException">As for <see cref="Convolution"/>, or the filter is so large that a 32-bit sum could overflow, or there is far
    /// more padding than image.</exception>
    public QuantizedConvolution(in ConvShape shape)
    {
        shape.Check();
        Shape = shape;
        var taps = shape.Window.KernelHeight * shape.Window.KernelWidth;
        if ((long)taps * InGroup > MaxDepth || (shape.IsDepthwise && taps > MaxDepthwiseTaps))
            throw new ArgumentException($"A filter of {taps} taps and {InGroup} channels can overflow its accumulator.", nameof(shape));
        indirection = Indirection.Forward(shape.Window);
        padded = PaddedImage.Of(shape.Window);
        if (!padded.IsModest(shape.Window))
            throw new ArgumentException("The padding is far larger than the images.", nameof(shape));
    }

    /// <summary>Geometry.</summary>
    public ConvShape Shape { get; }

    /// <summary>Four-byte elements of the packed weights.</summary>
    public long PackedSize => Shape.IsDepthwise ? ZeroSize + Shape.WeightSize : Shape.Groups * Gemm.PackedSize(OutGroup, Depth);

    /// <summary>Four-byte elements of scratch memory.</summary>
    public long ScratchSize => Shape.IsDepthwise ? InputPixels * Shape.Groups : ((padded.Pixels * Shape.InChannels) + 1) / 2 + 1;   // a last pair of one

    private int Taps => Shape.Window.KernelHeight * Shape.Window.KernelWidth;

    private int InGroup => Shape.InChannels / Shape.Groups;

    private int OutGroup => Shape.OutChannels / Shape.Groups;

    /// <summary>Whether a row of the window is one stretch of memory.</summary>
    private bool MergesColumns => Shape.Groups == 1 && Shape.Window.DilationWidth == 1;

    /// <summary>Pixels in a stretch.</summary>
    private int Stretch => MergesColumns ? Shape.Window.KernelWidth : 1;

    /// <summary>Pairs in a stretch.</summary>
    private int StretchPairs => ((Stretch * InGroup) + 1) / 2;

    private int Depth => Taps / Stretch * StretchPairs;

    private long InputPixels => (long)Shape.Window.Batch * Shape.Window.Height * Shape.Window.Width;

    /// <summary>Zeros at the front of packed depthwise weights, which padding points at.</summary>
    private int ZeroSize => ((Shape.Groups * (((Shape.Window.KernelWidth - 1) * Shape.Window.DilationWidth) + 1)) + 15) / 16 * 16;

    /// <summary>Packs weights.</summary>
    /// <param name="weights">[OutChannels, InChannels / Groups, KernelHeight, KernelWidth], int8.</param>
    /// <param name="packed">Receives <see cref="PackedSize"/> four-byte elements.</param>
    public void Pack(sbyte* weights, float* packed)
    {
        new Span<float>(packed, checked((int)PackedSize)).Clear();
        var taps = Taps;
        if (Shape.IsDepthwise)
        {
            for (var i = 0; i < Shape.WeightSize; i++)
                packed[ZeroSize + ((i % taps * (long)Shape.Groups) + (i / taps))] = weights[i];
            return;
        }
        var target = (short*)packed;
        var width = TileLoop.PanelColumns;
        for (var g = 0; g < Shape.Groups; g++)
        {
            for (var column = 0; column < OutGroup; column += width)
            {
                var first = ((long)g * OutGroup) + column;
                PackPanel(weights + (first * InGroup * taps), Math.Min(width, OutGroup - column), width, target);
                target += (long)Depth * width * 2;
            }
        }
    }

    /// <summary>Runs the convolution.</summary>
    /// <param name="pool">Shares the work.</param>
    /// <param name="input">Bytes, [Batch, Height, Width, InChannels].</param>
    /// <param name="packed">From <see cref="Pack"/>.</param>
    /// <param name="bias">One value per output channel in units of scale_x * scale_w, or null. Sums with it must fit 32 bits.</param>
    /// <param name="scales">Formats and multipliers, one per output channel.</param>
    /// <param name="output">Bytes, [Batch, OutHeight, OutWidth, OutChannels].</param>
    /// <param name="scratch"><see cref="ScratchSize"/> four-byte elements.</param>
    public void Run(WorkPool pool, byte* input, float* packed, int* bias, QuantizedScales scales, byte* output, float* scratch)
    {
        ArgumentNullException.ThrowIfNull(pool);
        ArgumentNullException.ThrowIfNull(scales);
        if (scales.Channels != Shape.OutChannels)
            throw new ArgumentException($"{scales.Channels} weight scales for {Shape.OutChannels} output channels.", nameof(scales));
        var sink = new QuantizedSink
        {
            Output = output, Stride = Shape.OutChannels, BiasValues = bias, Range = scales.Range,
            Significands = (int*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(scales.Significands)),
            Shifts = (int*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(scales.Shifts)),
        };
        if (padded.Pixels > 0 && Shape.IsDepthwise)
            RunDepthwise(pool, input, scratch, packed, scales.Input, sink);
        else if (padded.Pixels > 0)
            RunGroups(pool, input, scratch, packed, scales.Input, sink);
        GC.KeepAlive(scales);
    }

    // [taps][stretch, in pairs][column][2]; the second half of an odd stretch's last pair stays zero.
    private void PackPanel(sbyte* weights, int columns, int width, short* target)
    {
        var taps = Taps;
        for (var tap = 0; tap < taps; tap++)
        {
            var stretch = target + ((long)(tap / Stretch) * StretchPairs * width * 2);
            for (var c = 0; c < InGroup; c++)
            {
                var at = (tap % Stretch * InGroup) + c;
                for (var j = 0; j < columns; j++)
                    stretch[((((long)at / 2 * width) + j) * 2) + (at % 2)] = weights[((((long)j * InGroup) + c) * taps) + tap];
            }
        }
    }

    private void RunDepthwise(WorkPool pool, byte* input, float* scratch, float* packed, QuantizedFormat format, QuantizedSink sink)
    {
        var convert = new FloatKernel { Input = input, Count = InputPixels * Shape.Groups, Format = format, Output = scratch };
        pool.Run(ref convert, convert.Count);
        var rows = ImageRows.Of(Shape.Window, transposed: false, indirection.Vertical[0], indirection.Horizontal[0]);
        rows.Source = scratch;
        rows.Zero = packed;
        rows.Blocks = false;
        rows.PixelStride = Shape.Groups;
        rows.Channels = Shape.Groups;
        rows.MergesColumns = Shape.Window.KernelWidth > 1;
        var kernel = new DepthwiseKernel<ExactFloatSink>
        {
            Source = rows,
            Weights = packed + ZeroSize,
            Step = (nint)Shape.Window.DilationWidth * Shape.Groups,
            Sink = new ExactFloatSink { Integers = sink },
        };
        pool.Run(ref kernel, (long)rows.Rows * rows.Depth);
    }

    private void RunGroups(WorkPool pool, byte* input, float* scratch, float* packed, QuantizedFormat format, QuantizedSink sink)
    {
        var widen = new WidenKernel { Image = padded, Copy = new WidenPixels(input, (short*)scratch, Shape.InChannels, format) };
        pool.Run(ref widen, padded.Pixels * Shape.InChannels);
        var rows = WindowRows.Of(Shape.Window, padded, Shape.InChannels * sizeof(short), MergesColumns, StretchPairs);
        for (var g = 0; g < Shape.Groups; g++)
        {
            rows.Source = (byte*)((short*)scratch + (g * InGroup));
            var kernel = new PairKernel { Source = rows, Packed = packed, Columns = OutGroup, Sink = sink };
            pool.Run(ref kernel, (long)rows.Rows * rows.Depth * OutGroup);
            packed += Gemm.PackedSize(OutGroup, rows.Depth);
            sink.Output += OutGroup;
            sink.BiasValues = sink.BiasValues is null ? null : sink.BiasValues + OutGroup;
            sink.Significands += OutGroup;
            sink.Shifts += OutGroup;
        }
    }

    private struct PairKernel : IKernel
    {
        public WindowRows Source;
        public float* Packed;
        public int Columns;
        public QuantizedSink Sink;

        public void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            if (L.Count == 16)
                TileLoop.Run<Pairs512, Vector512<int>, WindowRows, QuantizedSink>(ref Source, Packed, Columns, ref Sink, worker, workers);
            else if (L.Count == 8)
                TileLoop.Run<Pairs256, Vector256<int>, WindowRows, QuantizedSink>(ref Source, Packed, Columns, ref Sink, worker, workers);
            else if (L.Count == 4)
                TileLoop.Run<Pairs128, Vector128<int>, WindowRows, QuantizedSink>(ref Source, Packed, Columns, ref Sink, worker, workers);
            else
                TileLoop.Run<Pairs32, int, WindowRows, QuantizedSink>(ref Source, Packed, Columns, ref Sink, worker, workers);
        }
    }

    /// <summary>Bytes to 16-bit numbers without their zero point, in a padded copy.</summary>
    private struct WidenKernel : IKernel
    {
        public PaddedImage Image;
        public WidenPixels Copy;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged => Image.Fill(Copy, worker, workers);
    }

    private readonly struct WidenPixels(byte* input, short* output, int channels, QuantizedFormat format) : IPixelCopy
    {
        public void Zero(long target, long count)
        {
            if (count > 0)
                NativeMemory.Clear(output + (target * channels), (nuint)(count * channels * sizeof(short)));
        }

        public void Copy(long source, long target, long count) =>
            Bytes.ToShorts(input + (source * channels), count * channels, format.IsSigned, format.ZeroPoint, output + (target * channels));
    }

    /// <summary>Bytes to floats without their zero point.</summary>
    private struct FloatKernel : IKernel
    {
        public byte* Input;
        public long Count;
        public QuantizedFormat Format;
        public float* Output;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (i, end) = WorkPool.ShareLines(Count, worker, workers);
            Bytes.ToFloats(Input + i, end - i, Format.IsSigned, Format.ZeroPoint, 1f, Output + i);
        }
    }
}
