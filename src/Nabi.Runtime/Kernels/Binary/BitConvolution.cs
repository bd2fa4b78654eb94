using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Nabi.Runtime.Emit;

namespace Nabi.Runtime.Kernels;

/// <summary>A convolution (or with 1 x 1 images a matrix product) of the signs of NHWC images, or of their ternary values, with weights of +-1: bits that differ are counted.</summary>
/// <remarks>
/// <para>y = epilogue(scale[o] sum of x w), x = +1 where the input is not below 0, else -1; or -1, 0 and 1 below, within and above a threshold. For n numbers of +-1 the sum is
/// n - 2 (bits that differ), Rastegari et al. 2016, "XNOR-Net", section 3.2. The sum is exact, so that all widths and numbers of workers give the same bits.</para>
/// <para>Padding counts as 0. Binary activations know no 0: padded pixels are stored as zero bits, whose count is known for each pixel of the result from the weights alone and is
/// packed with them, for the few different sets of taps that see padding.</para>
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
    private readonly TapPattern[] rowPatterns;
    private readonly TapPattern[] columnPatterns;
    private readonly int[]? startOfPixel;

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
        format = new BitFormat(InGroup, isTernary, IsPaired: tiles is not null);
        if ((long)Taps * format.Words * BitFormat.WordBits > MaxDepth)
            throw new ArgumentException($"A filter of {Taps} taps and {InGroup} channels has sums that single precision does not hold.", nameof(shape));
        padded = PaddedImage.Of(shape.Window);
        if (!padded.IsModest(shape.Window))
            throw new ArgumentException("The padding is far larger than the images.", nameof(shape));
        var indirection = Indirection.Forward(shape.Window);
        (rowPatterns, columnPatterns) = (isTernary ? [] : TapPattern.Of(indirection.Vertical[0]), isTernary ? [] : TapPattern.Of(indirection.Horizontal[0]));
        if ((long)rowPatterns.Length * columnPatterns.Length * shape.OutChannels > MaxStarts)
            throw new ArgumentException("Too many different sets of taps see padding.", nameof(shape));
        if (rowPatterns.Length * columnPatterns.Length > 1)
            startOfPixel = Starts();
    }

    /// <summary>Geometry.</summary>
    public ConvShape Shape { get; }

    /// <summary>Whether bits are counted by emitted code.</summary>
    public bool IsEmitted => tiles is not null;

    /// <summary>Four-byte elements of the packed weights.</summary>
    public long PackedSize => PanelSize + (Math.Max(1, rowPatterns.Length * columnPatterns.Length) * (long)Shape.OutChannels);

    /// <summary>Four-byte elements of scratch memory, which must start on eight bytes.</summary>
    public long ScratchSize => padded.Pixels * Shape.Groups * format.Words;

    private long PanelSize => Shape.Groups * GroupSize;

    private long GroupSize => Gemm.PackedSize(OutGroup, Taps * format.Words);

    private int Taps => Shape.Window.KernelHeight * Shape.Window.KernelWidth;

    private int InGroup => Shape.InChannels / Shape.Groups;

    private int OutGroup => Shape.OutChannels / Shape.Groups;

    /// <summary>Whether a row of the window is one stretch of memory.</summary>
    private bool MergesColumns => Shape.Groups == 1 && Shape.Window.DilationWidth == 1;

    /// <summary>Packs weights.</summary>
    /// <param name="weights">[OutChannels, InChannels / Groups, KernelHeight, KernelWidth], each 1 or -1.</param>
    /// <param name="packed">Receives <see cref="PackedSize"/> four-byte elements.</param>
    public void Pack(sbyte* weights, float* packed)
    {
        new Span<float>(packed, checked((int)PackedSize)).Clear();
        var width = TileLoop.PanelColumns;
        for (var o = 0; o < Shape.OutChannels; o++)
        {
            var (group, column) = Math.DivRem(o, OutGroup);
            var panel = (uint*)packed + (group * GroupSize) + ((long)(column / width) * Taps * format.Words * width) + (column % width);
            for (var tap = 0; tap < Taps; tap++)
                PackTap(weights + ((long)o * InGroup * Taps) + tap, panel + ((long)tap * format.Words * width), width);
        }
        PackStarts(weights, packed + PanelSize);
    }

    private void PackTap(sbyte* weights, uint* panel, int width)
    {
        for (var pair = 0; pair < format.Pairs; pair++)
        {
            var first = pair * format.PairChannels;
            var low = Word(weights, first);
            var stored = format.Stored(low, format.IsTernary ? low : Word(weights, first + BitFormat.WordBits));
            panel[2 * pair * width] = (uint)stored;
            panel[((2 * pair) + 1) * width] = (uint)(stored >> BitFormat.WordBits);
        }
    }

    private uint Word(sbyte* weights, int first)
    {
        var word = 0u;
        for (var i = 0; i < BitFormat.WordBits && first + i < InGroup; i++)
            word |= (weights[(long)(first + i) * Taps] > 0 ? 1u : 0) << i;
        return word;
    }

    // Binary: a tap that sees pixels starts from its channels; one that sees padding, zero bits, counts its ones, each of which takes 2 off.
    // Ternary: a bit that differs takes 1 off all bits of the window; those that stand for a 0 differ in half of their bits.
    private void PackStarts(sbyte* weights, float* starts)
    {
        if (format.IsTernary)
        {
            new Span<float>(starts, Shape.OutChannels).Fill((float)Taps * format.Pairs * BitFormat.WordBits);
            return;
        }
        var width = Shape.Window.KernelWidth;
        var ones = new int[Taps];
        for (var o = 0; o < Shape.OutChannels; o++, weights += (long)InGroup * Taps)
        {
            Array.Clear(ones);
            for (var i = 0; i < InGroup * Taps; i++)
                ones[i % Taps] += weights[i] > 0 ? 1 : 0;
            for (var p = 0; p < rowPatterns.Length * columnPatterns.Length; p++)
            {
                var (rows, columns) = (rowPatterns[p / columnPatterns.Length].Sees, columnPatterns[p % columnPatterns.Length].Sees);
                var sum = 0;
                for (var tap = 0; tap < Taps; tap++)
                    sum += rows[tap / width] && columns[tap % width] ? InGroup : 2 * ones[tap];
                starts[((long)p * Shape.OutChannels) + o] = sum;
            }
        }
    }

    private int[] Starts()
    {
        var pixels = GC.AllocateArray<int>(Math.Max(1, Shape.Window.OutHeight * Shape.Window.OutWidth), pinned: true);
        for (var r = 0; r < rowPatterns.Length; r++)
        {
            for (var c = 0; c < columnPatterns.Length; c++)
            {
                foreach (var y in rowPatterns[r].Positions)
                {
                    foreach (var x in columnPatterns[c].Positions)
                        pixels[(y * Shape.Window.OutWidth) + x] = ((r * columnPatterns.Length) + c) * Shape.OutChannels;
                }
            }
        }
        return pixels;
    }

    /// <summary>Runs the convolution.</summary>
    /// <param name="pool">Shares the work.</param>
    /// <param name="input">[Batch, Height, Width, InChannels], floats that are not yet binary.</param>
    /// <param name="threshold">Of ternary activations, at least 0.</param>
    /// <param name="packed">From <see cref="Pack"/>.</param>
    /// <param name="scales">One per output channel.</param>
    /// <param name="output">[Batch, OutHeight, OutWidth, OutChannels]; must not overlap the input.</param>
    /// <param name="epilogue">Bias, residual, accumulation and activation.</param>
    /// <param name="scratch"><see cref="ScratchSize"/> four-byte elements.</param>
    public void Run(WorkPool pool, float* input, float threshold, float* packed, float* scales, float* output, in Epilogue epilogue, float* scratch)
    {
        ArgumentNullException.ThrowIfNull(pool);
        if (padded.Pixels == 0)
            return;
        var copy = new CopyKernel { Image = padded, Copy = new BitPixels(input, (ulong*)scratch, Shape.Groups, format, threshold) };
        pool.Run(ref copy, padded.Pixels * Shape.InChannels / 4);
        var rows = WindowRows.Of(Shape.Window, padded, (long)Shape.Groups * format.Words * sizeof(uint), MergesColumns, (MergesColumns ? Shape.Window.KernelWidth : 1) * format.Words);
        for (var g = 0; g < Shape.Groups; g++)
        {
            rows.Source = (byte*)(scratch + (g * format.Words));
            Multiply(pool, rows, packed + (g * GroupSize), SinkOf(g * OutGroup, packed + PanelSize, scales, output, epilogue));
        }
        GC.KeepAlive(this);
    }

    private BitSink SinkOf(int first, float* starts, float* scales, float* output, in Epilogue epilogue) => new()
    {
        Output = output + first, Stride = Shape.OutChannels, Pixels = Shape.Window.OutHeight * Shape.Window.OutWidth,
        StartOfPixel = startOfPixel is null ? null : (int*)Marshal.UnsafeAddrOfPinnedArrayElement(startOfPixel, 0),
        Starts = starts + first, Weight = format.IsTernary ? 1 : 2, Scales = scales + first, BiasValues = epilogue.Bias is null ? null : epilogue.Bias + first,
        Rest = new FloatSink(output + first, Shape.OutChannels, epilogue with { Bias = null, Residual = epilogue.Residual is null ? null : epilogue.Residual + first }),
    };

    private void Multiply(WorkPool pool, WindowRows rows, float* packed, BitSink sink)
    {
        var work = (long)rows.Rows * rows.Depth * OutGroup;
        if (tiles is not null)
        {
            var kernel = new BitLoop { Tiles = tiles.Kernels, Source = rows, Packed = packed, Columns = OutGroup, Sink = sink };
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

/// <summary>Along one axis, the outputs whose windows see the image with the same taps.</summary>
/// <param name="Sees">For each tap whether it sees the image, else padding.</param>
/// <param name="Positions">The outputs.</param>
internal sealed record TapPattern(bool[] Sees, List<int> Positions)
{
    /// <summary>The different patterns of an axis, at least one.</summary>
    public static TapPattern[] Of(AxisPhase axis)
    {
        var taps = axis.Taps.Length;
        var patterns = new Dictionary<string, TapPattern>(StringComparer.Ordinal);
        for (var i = 0; i < axis.Count; i++)
        {
            var sees = Array.ConvertAll(axis.Offsets[(i * taps)..((i + 1) * taps)], at => at >= 0);
            var key = string.Concat(sees.Select(s => s ? '1' : '0'));
            if (!patterns.TryGetValue(key, out var pattern)) patterns[key] = pattern = new TapPattern(sees, []);
            pattern.Positions.Add(i);
        }
        return patterns.Count == 0 ? [new TapPattern(new bool[taps], [])] : [.. patterns.Values];
    }
}
