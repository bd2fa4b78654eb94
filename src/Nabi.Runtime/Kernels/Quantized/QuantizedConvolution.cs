using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Nabi.Runtime.Kernels;

/// <summary>A convolution (or with 1 x 1 images a matrix product) of 8-bit NHWC images with 8-bit weights, accumulated in 32 bits and rounded once.</summary>
/// <remarks>
/// <para>y = clamp(zero_y + round(m[o] * (bias[o] + sum (x - zero_x) * w)), low, high) with the rounding of <see cref="Requantizer"/>; padding stands for
/// x = zero_x. Sums are exact, so all widths and numbers of workers give the same bytes.</para>
/// <para>The input is widened to 16 bits with its zero point taken off, once per run; pairs of channels are then multiplied and added in 32-bit lanes,
/// which cannot saturate. Depthwise convolutions use float lanes: their sums stay below 2^24, where floats are exact integers.</para>
/// <para>An instance is immutable and may be used by several threads.</para>
/// </remarks>
public sealed unsafe class QuantizedConvolution
{
    /// <summary>Longest reduction whose sum of products of 9-bit and 8-bit numbers fits 31 bits.</summary>
    private const int MaxDepth = int.MaxValue / (255 * 128);

    /// <summary>Most taps of a depthwise filter whose sums are exact in single precision.</summary>
    private const int MaxDepthwiseTaps = (1 << 24) / (255 * 128);

    private readonly Indirection indirection;

    /// <summary>Prepares a convolution.</summary>
    /// <param name="shape">Geometry.</param>
    /// <exception cref="ArgumentException">As for <see cref="Convolution"/>, or the filter is so large that a 32-bit sum could overflow.</exception>
    public QuantizedConvolution(in ConvShape shape)
    {
        shape.Check();
        Shape = shape;
        var taps = shape.Window.KernelHeight * shape.Window.KernelWidth;
        if ((long)taps * InGroup > MaxDepth || (shape.IsDepthwise && taps > MaxDepthwiseTaps))
            throw new ArgumentException($"A filter of {taps} taps and {InGroup} channels can overflow its accumulator.", nameof(shape));
        indirection = Indirection.Forward(shape.Window);
    }

    /// <summary>Geometry.</summary>
    public ConvShape Shape { get; }

    /// <summary>Four-byte elements of the packed weights.</summary>
    public long PackedSize => ZeroSize + (Shape.IsDepthwise ? Shape.WeightSize : Shape.Groups * Gemm.PackedSize(OutGroup, Taps * PairsPerGroup));

    /// <summary>Four-byte elements of scratch memory.</summary>
    public long ScratchSize => InputPixels * Shape.Groups * PairsPerGroup;

    private int Taps => Shape.Window.KernelHeight * Shape.Window.KernelWidth;

    private int InGroup => Shape.InChannels / Shape.Groups;

    private int OutGroup => Shape.OutChannels / Shape.Groups;

    private int PairsPerGroup => (InGroup + 1) / 2;

    private long InputPixels => (long)Shape.Window.Batch * Shape.Window.Height * Shape.Window.Width;

    /// <summary>Zeros at the front of the packed weights, which padding points at.</summary>
    private int ZeroSize => (int)((Shape.IsDepthwise
        ? Shape.Groups * (((Shape.Window.KernelWidth - 1L) * Shape.Window.DilationWidth) + 1)
        : (long)PairsPerGroup * Shape.Window.KernelWidth) + 15) / 16 * 16;

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
        var target = (short*)(packed + ZeroSize);
        var width = TileLoop.PanelColumns;
        for (var g = 0; g < Shape.Groups; g++)
        {
            for (var column = 0; column < OutGroup; column += width)
            {
                for (var tap = 0; tap < taps; tap++)
                {
                    for (var i = 0; i < InGroup; i++)
                    {
                        for (var j = 0; j < Math.Min(width, OutGroup - column); j++)
                        {
                            var o = ((long)g * OutGroup) + column + j;
                            target[((((long)i / 2 * width) + j) * 2) + (i % 2)] = weights[((o * InGroup) + i) * taps + tap];
                        }
                    }
                    target += (long)PairsPerGroup * width * 2;
                }
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
        var widen = new WidenKernel
        {
            Input = input, Pixels = InputPixels, Groups = Shape.Groups, Channels = InGroup, Format = scales.Input, Output = scratch, ToFloat = Shape.IsDepthwise,
        };
        pool.Run(ref widen, InputPixels * Shape.InChannels);
        var rows = ImageRows.Of(Shape.Window, transposed: false, indirection.Vertical[0], indirection.Horizontal[0]);
        rows.Zero = packed;
        rows.Blocks = false;
        if (rows.Rows > 0 && Shape.IsDepthwise)
            RunDepthwise(pool, rows, scratch, packed + ZeroSize, sink);
        else if (rows.Rows > 0)
            RunGroups(pool, rows, scratch, packed + ZeroSize, sink);
        GC.KeepAlive(scales);
    }

    private void RunDepthwise(WorkPool pool, ImageRows rows, float* input, float* weights, QuantizedSink sink)
    {
        rows.Source = input;
        rows.PixelStride = Shape.Groups;
        rows.Channels = Shape.Groups;
        rows.MergesColumns = Shape.Window.KernelWidth > 1;
        var kernel = new DepthwiseKernel<ExactFloatSink>
        {
            Source = rows,
            Weights = weights,
            Step = (nint)Shape.Window.DilationWidth * Shape.Groups,
            Sink = new ExactFloatSink { Integers = sink },
        };
        pool.Run(ref kernel, (long)rows.Rows * rows.Depth);
    }

    private void RunGroups(WorkPool pool, ImageRows rows, float* pairs, float* packed, QuantizedSink sink)
    {
        rows.PixelStride = (long)PairsPerGroup * Shape.Groups;
        rows.Channels = PairsPerGroup;
        rows.MergesColumns = Shape.Groups == 1 && Shape.Window.DilationWidth == 1 && Shape.Window.KernelWidth > 1;
        for (var g = 0; g < Shape.Groups; g++)
        {
            rows.Source = pairs + (g * PairsPerGroup);
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
        public ImageRows Source;
        public float* Packed;
        public int Columns;
        public QuantizedSink Sink;

        public void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            if (L.Count == 16)
                TileLoop.Run<Pairs512, Vector512<int>, ImageRows, QuantizedSink>(ref Source, Packed, Columns, ref Sink, worker, workers);
            else if (L.Count == 8)
                TileLoop.Run<Pairs256, Vector256<int>, ImageRows, QuantizedSink>(ref Source, Packed, Columns, ref Sink, worker, workers);
            else if (L.Count == 4)
                TileLoop.Run<Pairs128, Vector128<int>, ImageRows, QuantizedSink>(ref Source, Packed, Columns, ref Sink, worker, workers);
            else
                TileLoop.Run<Pairs32, int, ImageRows, QuantizedSink>(ref Source, Packed, Columns, ref Sink, worker, workers);
        }
    }

    /// <summary>Bytes to 16-bit numbers (or floats) without their zero point, every group filled up to an even number of channels.</summary>
    private struct WidenKernel : IKernel
    {
        public byte* Input;
        public long Pixels;
        public int Groups;
        public int Channels;
        public QuantizedFormat Format;
        public float* Output;
        public bool ToFloat;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            if (ToFloat)
            {
                var (i, end) = StridedWalk.Share(Pixels * Groups * Channels, worker, workers);
                Bytes.ToFloats(Input + i, end - i, Format.IsSigned, Format.ZeroPoint, 1f, Output + i);
                return;
            }
            if (Channels % 2 == 0)
            {
                var (i, end) = StridedWalk.Share(Pixels * Groups * Channels, worker, workers);
                Bytes.ToShorts(Input + i, end - i, Format.IsSigned, Format.ZeroPoint, (short*)Output + i);
                return;
            }
            var (group, last) = StridedWalk.Share(Pixels * Groups, worker, workers);
            var target = (short*)Output + (group * (Channels + 1));
            Bytes.ToPairedShorts(Input + (group * Channels), last - group, Channels, Format.IsSigned, Format.ZeroPoint, target);
        }
    }
}
