using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Nabi.Runtime.Emit;

namespace Nabi.Runtime.Kernels;

/// <summary>A convolution (or with 1 x 1 images a matrix product) of the signs of NHWC images, or of their ternary values, with weights of +-1: bits that differ are counted.</summary>
/// <remarks>
/// <para>y = epilogue(scale[o] sum of x w), x = +1 where the input is not below 0, else -1; or -1, 0 and 1 below, within and above a threshold. For n numbers of +-1 the sum is
/// n - 2 (bits that differ), Rastegari et al. 2016, "XNOR-Net", section 3.2. The sum is exact, so that all widths and numbers of workers give the same bits.</para>
/// <para>Padding counts as 0. Binary activations know no 0: padded pixels are stored as zero bits, whose count is known for each pixel of the result from the weights alone and is
/// packed with them, for the few different sets of taps that see padding. Emitted kernels leave most of it out (<see cref="BitWindows"/>).</para>
/// <para>An instance is immutable and may be used by several threads.</para>
/// </remarks>
public sealed unsafe class BitConvolution
{
    /// <summary>Largest magnitude of a sum: a float holds it, and twice it, exactly.</summary>
    private const int MaxDepth = 1 << 22;

    /// <summary>Most floats of the starts of all pixels.</summary>
    private const long MaxStarts = 1 << 22;

    private readonly BitFormat format;
    private readonly PaddedImage padded;
    private readonly BitTiles? tiles;
    private readonly BitWindows windows;
    private readonly int[]? patternOfPixel;

    /// <summary>Prepares a convolution.</summary>
    /// <param name="shape">Geometry.</param>
    /// <param name="isTernary">Whether activations are -1, 0 and 1, else the sign.</param>
    /// <exception cref="ArgumentException">As for <see cref="Convolution"/>, or the filter is so large that its sums are not exact, or there is far more padding than image.</exception>
    public BitConvolution(in ConvShape shape, bool isTernary = false) : this(shape, isTernary, BitTiles.Current)
    {
    }

    /// <summary>Prepares a convolution with emitted tiles, or with null by the managed ones.</summary>
    internal BitConvolution(in ConvShape shape, bool isTernary, BitTiles? tiles)
    {
        shape.Check();
        this.tiles = tiles;
        Shape = shape;
        format = new BitFormat(InGroup, isTernary, IsRunning: tiles is not null);
        if ((long)Taps * format.Words * BitFormat.WordBits > MaxDepth)
            throw new ArgumentException($"A filter of {Taps} taps and {InGroup} channels has sums that single precision does not hold.", nameof(shape));
        padded = PaddedImage.Of(shape.Window);
        if (!padded.IsModest(shape.Window))
            throw new ArgumentException("The padding is far larger than the images.", nameof(shape));
        windows = new BitWindows(shape.Window, format.Words, WindowWords, leavesOut: tiles is not null);
        if ((long)windows.Patterns * shape.OutChannels > MaxStarts)
            throw new ArgumentException("Too many different sets of taps see padding.", nameof(shape));
        if (windows.Patterns > 1)
            patternOfPixel = windows.PatternOfWindow();
    }

    /// <summary>Geometry.</summary>
    public ConvShape Shape { get; }

    /// <summary>Whether bits are counted by emitted code.</summary>
    public bool IsEmitted => tiles is not null;

    /// <summary>Four-byte elements of the packed weights.</summary>
    public long PackedSize => PanelSize + ((long)windows.Patterns * Shape.OutChannels);

    private long PanelSize => Shape.Groups * GroupSize;

    private long GroupSize => ((long)OutGroup + format.PanelColumns - 1) / format.PanelColumns * format.ColumnWords(Taps) * format.PanelColumns;

    private int WindowWords => format.WindowWords(Taps);

    // The copy of the images; for emitted kernels with a gap before each line, and a register that is read past the end, up to a cache line.
    private long ImageSize => tiles is null
        ? padded.Pixels * Shape.Groups * format.Words
        : ((padded.Pixels * Shape.Groups * format.Words) + (padded.Batch * padded.Rows.Count * BitFormat.LineGap) + Vector256<uint>.Count + 15) / 16 * 16;

    private int Taps => Shape.Window.KernelHeight * Shape.Window.KernelWidth;

    private int InGroup => Shape.InChannels / Shape.Groups;

    private int OutGroup => Shape.OutChannels / Shape.Groups;

    /// <summary>Whether a row of the window is one stretch of memory.</summary>
    private bool MergesColumns => Shape.Groups == 1 && Shape.Window.DilationWidth == 1;

    /// <summary>Four-byte elements of scratch memory.</summary>
    /// <param name="workers">Workers of the pool that runs the convolution.</param>
    public long ScratchSize(int workers) => ImageSize + (tiles is null ? 0 : workers * BitLoop.RowsSize(WindowWords));

    /// <summary>Packs weights.</summary>
    /// <param name="weights">[OutChannels, InChannels / Groups, KernelHeight, KernelWidth], each 1 or -1.</param>
    /// <param name="packed">Receives <see cref="PackedSize"/> four-byte elements.</param>
    public void Pack(sbyte* weights, float* packed)
    {
        new Span<float>(packed, checked((int)PackedSize)).Clear();
        var (width, depth) = (format.PanelColumns, format.ColumnWords(Taps));
        var words = new uint[WindowWords];
        var parities = new uint[WindowWords + 1];
        for (var o = 0; o < Shape.OutChannels; o++, weights += (long)InGroup * Taps)
        {
            for (var i = 0; i < Taps * format.Words; i++)
                words[i] = Word(weights + (i / format.Words), i % format.Words);
            for (var i = 0; i < words.Length; i++)
                parities[i + 1] = parities[i] ^ words[i];
            var (group, column) = Math.DivRem(o, OutGroup);
            var panel = (uint*)packed + (group * GroupSize) + ((long)(column / width) * depth * width) + (column % width);
            var stored = format.IsRunning ? parities : words;
            for (var i = 0; i < depth; i++)
                panel[(long)i * width] = stored[i];
            for (var p = 0; p < windows.Patterns; p++)
                packed[PanelSize + ((long)p * Shape.OutChannels) + o] = Start(p, parities);
        }
    }

    private uint Word(sbyte* tap, int index)
    {
        var first = (format.IsTernary ? index / 2 : index) * BitFormat.WordBits;
        var word = 0u;
        for (var i = 0; i < BitFormat.WordBits && first + i < InGroup; i++)
            word |= (tap[(long)(first + i) * Taps] > 0 ? 1u : 0) << i;
        return word;
    }

    // Taps that see pixels start from their most; what is counted of padding is not to lower the sum.
    private float Start(int pattern, ReadOnlySpan<uint> parities)
    {
        var seen = 0;
        for (var tap = 0; tap < Taps; tap++)
            seen += windows.Sees(pattern, tap) ? 1 : 0;
        return (seen * format.Most) + (format.Weight * windows.CountPadding(pattern, parities));
    }

    /// <summary>Runs the convolution.</summary>
    /// <param name="pool">Shares the work.</param>
    /// <param name="input">[Batch, Height, Width, InChannels], floats that are not yet binary.</param>
    /// <param name="threshold">Of ternary activations, at least 0.</param>
    /// <param name="packed">From <see cref="Pack"/>.</param>
    /// <param name="scales">One per output channel.</param>
    /// <param name="output">[Batch, OutHeight, OutWidth, OutChannels]; must not overlap the input.</param>
    /// <param name="epilogue">Bias, residual, accumulation and activation.</param>
    /// <param name="scratch"><see cref="ScratchSize"/> four-byte elements for the pool's workers.</param>
    public void Run(WorkPool pool, float* input, float threshold, float* packed, float* scales, float* output, in Epilogue epilogue, float* scratch)
    {
        ArgumentNullException.ThrowIfNull(pool);
        if (padded.Pixels == 0)
            return;
        var copy = new CopyKernel { Image = padded, Copy = new BitPixels(input, (uint*)scratch, Shape.Groups, format, threshold, padded.Columns.Count) };
        pool.Run(ref copy, padded.Pixels * Shape.InChannels / 4);
        var gap = format.IsRunning ? BitFormat.LineGap * sizeof(uint) : 0;
        var pixelBytes = (long)Shape.Groups * format.Words * sizeof(uint);
        var rows = WindowRows.Of(Shape.Window, padded, pixelBytes, MergesColumns, (MergesColumns ? Shape.Window.KernelWidth : 1) * format.Words, gap);
        for (var g = 0; g < Shape.Groups; g++)
        {
            rows.Source = (byte*)scratch + gap + ((long)g * format.Words * sizeof(uint));
            Multiply(pool, rows, packed + (g * GroupSize), (uint*)scratch + ImageSize, SinkOf(g * OutGroup, packed + PanelSize, scales, output, epilogue));
        }
        GC.KeepAlive(this);
    }

    private BitSink SinkOf(int first, float* starts, float* scales, float* output, in Epilogue epilogue) => new()
    {
        Output = output + first, Stride = Shape.OutChannels, Pixels = Shape.Window.OutHeight * Shape.Window.OutWidth,
        PatternOfPixel = patternOfPixel is null ? null : (int*)Marshal.UnsafeAddrOfPinnedArrayElement(patternOfPixel, 0), StartStride = Shape.OutChannels,
        Starts = starts + first, Weight = format.Weight, Scales = scales + first, BiasValues = epilogue.Bias is null ? null : epilogue.Bias + first,
        Rest = new FloatSink(output + first, Shape.OutChannels, epilogue with { Bias = null, Residual = epilogue.Residual is null ? null : epilogue.Residual + first }),
    };

    private void Multiply(WorkPool pool, WindowRows rows, float* packed, uint* gathered, BitSink sink)
    {
        var work = (long)rows.Rows * rows.Depth * OutGroup;
        if (tiles is not null)
        {
            var walks = (BitWalk*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(windows.Walks));   // pinned
            var kernel = new BitLoop
            {
                Tiles = tiles.Kernels, Source = rows, Walks = walks, WalkCount = windows.Walks.Length, WindowWords = WindowWords, Packed = packed, Columns = OutGroup, Sink = sink, Rows = gathered,
            };
            pool.Run(ref kernel, work);
        }
        else
        {
            var kernel = new ManagedKernel { Source = rows, Packed = packed, Columns = OutGroup, Sink = sink };
            pool.Run(ref kernel, work);
        }
    }

    private struct CopyKernel : IKernel
    {
        public PaddedImage Image;
        public BitPixels Copy;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged => Image.Fill(Copy, worker, workers);
    }

    private struct ManagedKernel : IKernel
    {
        public WindowRows Source;
        public float* Packed;
        public int Columns;
        public BitSink Sink;

        public void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            if (L.Count == 16)
                TileLoop.Run<Bits512, Vector512<int>, WindowRows, BitSink>(ref Source, Packed, Columns, ref Sink, worker, workers);
            else if (L.Count == 8)
                TileLoop.Run<Bits256, Vector256<int>, WindowRows, BitSink>(ref Source, Packed, Columns, ref Sink, worker, workers);
            else if (L.Count == 4)
                TileLoop.Run<Bits128, Vector128<int>, WindowRows, BitSink>(ref Source, Packed, Columns, ref Sink, worker, workers);
            else
                TileLoop.Run<Bits32, int, WindowRows, BitSink>(ref Source, Packed, Columns, ref Sink, worker, workers);
        }
    }
}
