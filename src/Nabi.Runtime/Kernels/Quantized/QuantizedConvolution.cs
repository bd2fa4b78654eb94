using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Nabi.Runtime.Emit;

namespace Nabi.Runtime.Kernels;

/// <summary>A convolution (or with 1 x 1 images a matrix product) of 8-bit NHWC images with 8-bit weights, accumulated in 32 bits and rounded once.</summary>
/// <remarks>
/// <para>y = clamp(zero_y + round(m[o] * (bias[o] + sum (x - zero_x) * w)), low, high) with the rounding of <see cref="Requantizer"/>; padding stands for
/// x = zero_x. Sums are exact, so all widths and numbers of workers give the same bytes.</para>
/// <para>Where <see cref="ByteTiles"/> run, the input is taken as unsigned bytes u, shifted by 128 if it is signed, four of which are multiplied and added
/// in one lane; by depthwise convolutions everywhere, one in a lane. Sum (x - zero_x) * w = sum u * w - zero_u * sum w, where the last sum is packed with the weights and joins the bias. Padding is zero_u.</para>
/// <para>Elsewhere it is widened to 16 bits with its zero point taken off, two numbers to a lane; nothing saturates either way. The numbers of a lane follow
/// each other in a row of the window; a row that does not fill its last lane ends with weights of zero. The copy that is shifted or widened is also padded.
/// Images without padding are read where they are if they are unsigned or the emitted code requantizes, which shifts while it reads.</para>
/// <para>An instance is immutable and may be used by several threads.</para>
/// </remarks>
public sealed unsafe class QuantizedConvolution
{
    /// <summary>Longest reduction whose sum of products of 9-bit and 8-bit numbers fits 31 bits.</summary>
    private const int MaxDepth = int.MaxValue / (255 * 128);

    private readonly Indirection indirection;
    private readonly PaddedImage padded;
    private readonly ByteTiles? tiles;

    /// <summary>Prepares a convolution.</summary>
    /// <param name="shape">Geometry.</param>
    /// <exception cref="ArgumentException">As for <see cref="Convolution"/>, or the filter is so large that a 32-bit sum could overflow, or there is far
    /// more padding than image.</exception>
    public QuantizedConvolution(in ConvShape shape) : this(shape, shape.IsDepthwise ? null : ByteTiles.Current)
    {
    }

    /// <summary>Prepares a convolution with emitted tiles, or with null by the managed ones.</summary>
    internal QuantizedConvolution(in ConvShape shape, ByteTiles? tiles)
    {
        shape.Check();
        this.tiles = tiles;
        Shape = shape;
        var taps = shape.Window.KernelHeight * shape.Window.KernelWidth;
        if ((long)taps * InGroup > MaxDepth)
            throw new ArgumentException($"A filter of {taps} taps and {InGroup} channels can overflow its accumulator.", nameof(shape));
        indirection = Indirection.Forward(shape.Window);
        padded = PaddedImage.Of(shape.Window);
        if (!padded.IsModest(shape.Window))
            throw new ArgumentException("The padding is far larger than the images.", nameof(shape));
    }

    /// <summary>Geometry.</summary>
    public ConvShape Shape { get; }

    /// <summary>Whether the products run in emitted code.</summary>
    public bool IsEmitted => tiles is not null && !Shape.IsDepthwise;

    /// <summary>Four-byte elements of the packed weights.</summary>
    public long PackedSize => PanelSize + (ReadsBytes ? Shape.OutChannels : 0);

    /// <summary>Four-byte elements of scratch memory.</summary>
    public long ScratchSize => BiasSize + (padded.Pixels * Shape.InChannels / PerElement) + (ReadsBytes ? DepthwiseBytes.Padding / PerElement : 0) + 2;   // registers are read whole

    /// <summary>Elements of the weights; their sums follow.</summary>
    private long PanelSize => Shape.IsDepthwise ? (long)Taps * PaddedChannels : Shape.Groups * Gemm.PackedSize(OutGroup, Depth);

    /// <summary>Elements at the front of the scratch memory for the bias with the zero point's part.</summary>
    private int BiasSize => ReadsBytes ? PaddedChannels + StripKernel.Overrun + 1 : 0;

    private int PaddedChannels => (Shape.OutChannels + DepthwiseBytes.Padding - 1) / DepthwiseBytes.Padding * DepthwiseBytes.Padding;

    /// <summary>Whether the kernels take unsigned bytes, else 16-bit numbers.</summary>
    private bool ReadsBytes => IsEmitted || Shape.IsDepthwise;

    /// <summary>Numbers of the input in four bytes.</summary>
    private int PerElement => ReadsBytes ? 4 : 2;

    private int Taps => Shape.Window.KernelHeight * Shape.Window.KernelWidth;

    private int InGroup => Shape.InChannels / Shape.Groups;

    private int OutGroup => Shape.OutChannels / Shape.Groups;

    /// <summary>Whether a row of the window is one stretch of memory.</summary>
    private bool MergesColumns => Shape.Groups == 1 && Shape.Window.DilationWidth == 1;

    /// <summary>Pixels in a stretch.</summary>
    private int Stretch => MergesColumns ? Shape.Window.KernelWidth : 1;

    /// <summary>Lanes in a stretch.</summary>
    private int StretchLanes => ((Stretch * InGroup) + PerElement - 1) / PerElement;

    private int Depth => Taps / Stretch * StretchLanes;

    /// <summary>Packs weights.</summary>
    /// <param name="weights">[OutChannels, InChannels / Groups, KernelHeight, KernelWidth], int8.</param>
    /// <param name="packed">Receives <see cref="PackedSize"/> four-byte elements.</param>
    public void Pack(sbyte* weights, float* packed)
    {
        new Span<float>(packed, checked((int)PackedSize)).Clear();
        if (Shape.IsDepthwise)
            PackDepthwise(weights, (int*)packed);
        else if (IsEmitted)
            PackPanels(weights, (sbyte*)packed);
        else
            PackPanels(weights, (short*)packed);
        if (ReadsBytes)
            SumWeights(weights, (int*)(packed + PanelSize));
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
            Multipliers = (float*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(scales.Multipliers)), IsSigned = scales.Output.IsSigned,
        };
        if (padded.Pixels == 0)
            return;
        if (ReadsBytes)
        {
            Correct(bias, (int*)(packed + PanelSize), scales.Input.ZeroPoint - scales.Input.Min, (int*)scratch);
            sink.BiasValues = (int*)scratch;
        }
        var isInPlace = ReadsInPlace(scales.Input);
        var rows = isInPlace
            ? Windows(input, PaddedImage.AsIs(Shape.Window))
            : Windows(Copied(pool, input, scales.Input, (byte*)(scratch + BiasSize)), padded);
        if (Shape.IsDepthwise)
            RunDepthwise(pool, rows, packed, sink);
        else
            RunGroups(pool, rows, packed, sink, isInPlace && scales.Input.IsSigned);
        GC.KeepAlive(scales);
        GC.KeepAlive(tiles);
    }

    private void PackPanels<T>(sbyte* weights, T* target)
        where T : unmanaged, INumberBase<T>
    {
        var width = TileLoop.PanelColumns;
        for (var g = 0; g < Shape.Groups; g++)
        {
            for (var column = 0; column < OutGroup; column += width)
            {
                var first = ((long)g * OutGroup) + column;
                PackPanel(weights + (first * InGroup * Taps), Math.Min(width, OutGroup - column), width, target);
                target += (long)Depth * width * PerElement;
            }
        }
    }

    // [taps][stretch, in lanes][column][number of the lane]; what a stretch leaves of its last lane stays zero.
    private void PackPanel<T>(sbyte* weights, int columns, int width, T* target)
        where T : unmanaged, INumberBase<T>
    {
        var (taps, perLane) = (Taps, PerElement);
        for (var tap = 0; tap < taps; tap++)
        {
            var stretch = target + ((long)(tap / Stretch) * StretchLanes * width * perLane);
            for (var c = 0; c < InGroup; c++)
            {
                var at = (tap % Stretch * InGroup) + c;
                for (var j = 0; j < columns; j++)
                    stretch[((((long)at / perLane * width) + j) * perLane) + (at % perLane)] = T.CreateTruncating(weights[((((long)j * InGroup) + c) * taps) + tap]);
            }
        }
    }

    private void PackDepthwise(sbyte* weights, int* target)
    {
        var taps = Taps;
        for (var i = 0; i < Shape.WeightSize; i++)
            target[(i % taps * (long)PaddedChannels) + (i / taps)] = weights[i];
    }

    private void SumWeights(sbyte* weights, int* sums)
    {
        var size = InGroup * Taps;
        for (var o = 0; o < Shape.OutChannels; o++)
        {
            var sum = 0;
            for (var i = 0; i < size; i++)
                sum += weights[i];
            sums[o] = sum;
            weights += size;
        }
    }

    private bool ReadsInPlace(QuantizedFormat format) =>
        IsEmitted && (!format.IsSigned || tiles!.Requantizes) && !indirection.SeesPadding && Stretch * InGroup % PerElement == 0;

    private WindowRows Windows(byte* source, PaddedImage image)
    {
        var merges = MergesColumns || Shape.IsDepthwise;
        var rows = WindowRows.Of(Shape.Window, image, Shape.InChannels * sizeof(float) / PerElement, merges, StretchLanes);
        rows.Source = source;
        return rows;
    }

    /// <summary>The padded copy, shifted or widened.</summary>
    private byte* Copied(WorkPool pool, byte* input, QuantizedFormat format, byte* copy)
    {
        var work = padded.Pixels * Shape.InChannels / PerElement;
        if (ReadsBytes)
        {
            var pixels = new UnsignedPixels(input, copy, Shape.InChannels, format.IsSigned, (byte)(format.ZeroPoint - format.Min));
            var shift = new CopyKernel<UnsignedPixels> { Image = padded, Copy = pixels };
            pool.Run(ref shift, work);
        }
        else
        {
            var widen = new CopyKernel<WidenPixels> { Image = padded, Copy = new WidenPixels(input, (short*)copy, Shape.InChannels, format) };
            pool.Run(ref widen, work);
        }
        return copy;
    }

    private void RunDepthwise(WorkPool pool, WindowRows rows, float* packed, QuantizedSink sink)
    {
        var kernel = new DepthwiseBytes
        {
            Source = rows, Channels = Shape.Groups, Columns = Shape.Window.KernelWidth, Step = (nint)Shape.Window.DilationWidth * Shape.Groups,
            Weights = (int*)packed, Sink = sink,
        };
        pool.Run(ref kernel, Shape.MultiplyAdds / PerElement);
    }

    private void RunGroups(WorkPool pool, WindowRows rows, float* packed, QuantizedSink sink, bool isSigned)
    {
        for (var g = 0; g < Shape.Groups; g++)
        {
            Multiply(pool, rows, packed, sink, isSigned);
            rows.Source += InGroup * sizeof(float) / PerElement;
            packed += Gemm.PackedSize(OutGroup, rows.Depth);
            sink.Output += OutGroup;
            sink.BiasValues = sink.BiasValues is null ? null : sink.BiasValues + OutGroup;
            sink.Significands += OutGroup;
            sink.Shifts += OutGroup;
            sink.Multipliers += OutGroup;
        }
    }

    private void Multiply(WorkPool pool, WindowRows rows, float* packed, QuantizedSink sink, bool isSigned)
    {
        var work = (long)rows.Rows * rows.Depth * OutGroup;
        if (IsEmitted && tiles!.Requantizes)
        {
            var kernel = new StripKernel { Tiles = tiles.Kernels, Source = rows, Packed = packed, Columns = OutGroup, Sink = sink, IsInputSigned = isSigned };
            pool.Run(ref kernel, work);
        }
        else if (IsEmitted)
        {
            var kernel = new EmittedKernel { Tiles = tiles!.Kernels, Source = rows, Packed = packed, Columns = OutGroup, Sink = sink };
            pool.Run(ref kernel, work);
        }
        else
        {
            var kernel = new PairKernel { Source = rows, Packed = packed, Columns = OutGroup, Sink = sink };
            pool.Run(ref kernel, work);
        }
    }

    // bias - zero * sum of weights; it may wrap, as the sum it starts may: their total does not.
    private void Correct(int* bias, int* sums, int zero, int* corrected)
    {
        var count = Shape.OutChannels;
        var target = new Span<int>(corrected, count);
        TensorPrimitives.Multiply(new ReadOnlySpan<int>(sums, count), -zero, target);
        if (bias is not null)
            TensorPrimitives.Add(target, new ReadOnlySpan<int>(bias, count), target);
    }

    private struct EmittedKernel : IKernel
    {
        public ByteTiles.Pointers Tiles;
        public WindowRows Source;
        public float* Packed;
        public int Columns;
        public QuantizedSink Sink;

        public void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            if (L.Count == 16)
                TileLoop.Run<Pairs512, Vector512<int>, ByteTiles.Pointers, WindowRows, QuantizedSink>(Tiles, ref Source, Packed, Columns, ref Sink, worker, workers);
            else
                TileLoop.Run<Pairs256, Vector256<int>, ByteTiles.Pointers, WindowRows, QuantizedSink>(Tiles, ref Source, Packed, Columns, ref Sink, worker, workers);
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

    /// <summary>The padded copy.</summary>
    private struct CopyKernel<TCopy> : IKernel
        where TCopy : unmanaged, IPixelCopy
    {
        public PaddedImage Image;
        public TCopy Copy;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged => Image.Fill(Copy, worker, workers);
    }

    /// <summary>Bytes shifted to unsigned ones, among padding that stands for zero.</summary>
    private readonly struct UnsignedPixels(byte* input, byte* output, int channels, bool isSigned, byte zero) : IPixelCopy
    {
        public void Zero(long target, long count)
        {
            if (count > 0)
                NativeMemory.Fill(output + (target * channels), (nuint)(count * channels), zero);
        }

        public void Copy(long source, long target, long count)
        {
            if (isSigned)
                Bytes.ToUnsigned(input + (source * channels), count * channels, output + (target * channels));
            else
                NativeMemory.Copy(input + (source * channels), output + (target * channels), (nuint)(count * channels));
        }
    }

    /// <summary>Bytes widened to 16-bit numbers without their zero point.</summary>
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
}
