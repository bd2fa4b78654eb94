using System.Runtime.InteropServices;

namespace Nabi.Runtime.Kernels;

/// <summary>
/// The weight gradient of a dense convolution as outer products: at every output pixel what lies under the taps times the gradient. Both are read
/// where they lie, one in the lanes and the other element by element, so nothing is packed; only images with padding are copied, some lines at a time.
/// </summary>
/// <remarks>Workers share the lines of output pixels and have sums of their own, so the result depends on their number in its last bits.</remarks>
internal unsafe struct PixelProducts : IKernel
{
    /// <summary>Bytes of images and gradients that are gone through again and again, tile by tile.</summary>
    private const long BlockBytes = 48 * 1024;

    /// <summary>Pixels of a block at least: adding a tile to the sums costs as much as some pixels.</summary>
    private const int LeastPixels = 64;

    private readonly WindowShape window;
    private readonly int inChannels;
    private readonly int outChannels;
    private readonly bool readsInPlace;
    private readonly int tapColumns;
    private readonly int stretch;
    private readonly int blockLines;

    /// <summary>[Batch, Height, Width, InChannels].</summary>
    public float* Input;

    /// <summary>[Batch, OutHeight, OutWidth, OutChannels].</summary>
    public float* OutputGradient;

    /// <summary>Sums there is room for, at least one for each worker; those of idle workers are zero.</summary>
    public int Slices;

    /// <summary>Written, for each worker: [out, tap, in] if <see cref="HasInputInLanes"/>, else [tap, in, out].</summary>
    public float* Sums;

    /// <summary>For each worker <see cref="CopySize"/> floats.</summary>
    public float* Copies;

    private PixelProducts(in ConvShape shape, bool seesPadding)
    {
        var w = shape.Window;
        (inChannels, outChannels, readsInPlace) = (shape.InChannels, shape.OutChannels, !seesPadding);
        // Pixels that follow each other without a gap are one stretch of memory, however they are divided into lines.
        window = w.IsPointwise ? w with { Batch = 1, Height = w.Batch * w.Height * w.Width, Width = 1 } : w;
        tapColumns = w.DilationWidth == 1 ? 1 : w.KernelWidth;
        stretch = (w.DilationWidth == 1 ? w.KernelWidth : 1) * inChannels;
        var lineBytes = sizeof(float) * (((long)window.OutWidth * outChannels) + ((long)window.StrideHeight * CopyWidth * inChannels));
        blockLines = (int)Math.Min(Math.Max(BlockBytes / lineBytes, Math.Max(1, LeastPixels / window.OutWidth)), window.OutHeight);
        HasInputInLanes = Cost(outChannels, tapColumns * window.KernelHeight, stretch) <= Cost(Taps * inChannels, 1, outChannels);
    }

    /// <summary>Whether the input is in the lanes and the gradient is read element by element, or the other way round.</summary>
    public bool HasInputInLanes { get; }

    /// <summary>Floats a worker needs for its copies.</summary>
    public readonly long CopySize => readsInPlace ? 0 : CopyHeight(blockLines) * CopyWidth * inChannels;

    private readonly int Taps => window.KernelHeight * window.KernelWidth;

    private readonly long CopyWidth => ((window.OutWidth - 1L) * window.StrideWidth) + ((window.KernelWidth - 1L) * window.DilationWidth) + 1;

    /// <summary>The products for a convolution, or null if it has too few channels for the lanes, or several groups.</summary>
    public static PixelProducts? For(in ConvShape shape, bool seesPadding)
    {
        if (shape.Groups > 1 || shape.MultiplyAdds == 0) return null;
        var products = new PixelProducts(shape, seesPadding);
        return products.HasInputInLanes ? products.stretch >= Simd.Lanes ? products : null : shape.OutChannels >= Simd.Lanes ? products : null;
    }

    public readonly void Run<L, V>(int worker, int workers)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var size = (long)Taps * inChannels * outChannels;
        var sums = Sums + (worker * size);
        for (var slice = worker; slice < Slices; slice += workers) NativeMemory.Clear(Sums + (slice * size), (nuint)(size * sizeof(float)));
        var copies = Copies + (worker * CopySize);
        var (line, last) = WorkPool.Share(window.Batch * window.OutHeight, worker, workers);
        while (line < last)
        {
            var (image, y) = Math.DivRem(line, window.OutHeight);
            var lines = Math.Min(Math.Min(blockLines, last - line), window.OutHeight - y);
            Block<L, V>(image, y, lines, copies, sums);
            line += lines;
        }
    }

    // What a tile of eight rows costs for each number of registers, in halves of a cycle: products, or loads where those are more.
    private static long Cost(int rows, int segments, int length)
    {
        if (length < Simd.Lanes) return long.MaxValue;
        var (full, rest) = Math.DivRem((length + Simd.Lanes - 1) / Simd.Lanes, PixelTile.MaxRegisters);
        return (rows + 7L) / 8 * segments * ((full * 24L) + (rest == 2 ? 16 : rest * 9));
    }

    private readonly long CopyHeight(int lines) => ((lines - 1L) * window.StrideHeight) + ((window.KernelHeight - 1L) * window.DilationHeight) + 1;

    /// <summary>Adds what some lines of one image give.</summary>
    private readonly void Block<L, V>(int image, int y, int lines, float* copies, float* sums)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var width = readsInPlace ? window.Width : CopyWidth;
        var input = readsInPlace ? Input + ((((long)image * window.Height) + ((long)y * window.StrideHeight)) * width * inChannels) : copies;
        if (!readsInPlace) Copy(image, (y * window.StrideHeight) - window.PadTop, CopyHeight(lines), copies);
        var gradient = OutputGradient + ((((long)image * window.OutHeight) + y) * window.OutWidth * outChannels);
        var (inStep, inLine) = ((nint)window.StrideWidth * inChannels, (nint)(window.StrideHeight * width * inChannels));
        var (outStep, outLine) = ((nint)outChannels, (nint)window.OutWidth * outChannels);
        var t = HasInputInLanes
            ? new PixelTile { RowStep = outStep, RowLine = outLine, ColumnStep = inStep, ColumnLine = inLine }
            : new PixelTile { RowStep = inStep, RowLine = inLine, ColumnStep = outStep, ColumnLine = outLine };
        (t.Lines, t.Pixels) = window.OutWidth == 1 && inLine == inStep ? (1, lines) : (lines, window.OutWidth);
        var starts = stackalloc float*[PixelTile.MaxRows];
        var tile = stackalloc float[PixelTile.MaxRows * PixelTile.MaxRegisters * L.Count];
        t.Rows = starts;
        t.Sums = tile;
        var (rows, columns) = HasInputInLanes ? (outChannels, Taps * inChannels) : (Taps * inChannels, outChannels);
        var tileRows = L.Count >= 16 ? 8 : 4;
        for (var row = 0; row < rows; row += tileRows)
        {
            var count = Math.Min(tileRows, rows - row);
            for (var i = 0; i < tileRows; i++)
            {
                var r = row + Math.Min(i, count - 1);
                starts[i] = HasInputInLanes ? gradient + r : input + Offset(r, width);
            }
            for (var column = 0; column < columns;)
            {
                var end = HasInputInLanes ? (column / stretch * stretch) + stretch : columns;
                var first = HasInputInLanes ? input + Offset(column / stretch * stretch, width) : gradient;
                Segment<L, V>(ref t, count <= 4 ? 4 : tileRows, count, first, end - column, sums + ((long)row * columns) + column, columns);
                column = end;
            }
        }
    }

    /// <summary>Some rows times neighbouring columns. The last registers start early rather than read past the end.</summary>
    private static void Segment<L, V>(ref PixelTile t, int tileRows, int count, float* first, int length, float* sums, long stride)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        for (var column = 0; column < length;)
        {
            var registers = Math.Min(PixelTile.MaxRegisters, Math.Min(length / L.Count, (length - column + L.Count - 1) / L.Count));
            var start = Math.Min(column, length - (registers * L.Count));
            t.Columns = first + start;
            fixed (PixelTile* tile = &t) PixelTiles.Run<L, V>(tile, tileRows, registers);
            var (skipped, end) = (column - start, registers * L.Count);
            for (var i = 0; i < count; i++)
            {
                float* from = t.Sums + (i * PixelTile.MaxRegisters * L.Count), to = sums + (i * stride) + start;
                for (var j = skipped; j < end; j += L.Count)
                    Simd.Store<L, V>(L.Add(Simd.Load<L, V>(to + j, end - j), Simd.Load<L, V>(from + j, end - j)), to + j, end - j);
            }
            column = start + end;
        }
    }

    /// <summary>Floats from the first element under a window to element <paramref name="index"/> of (tap, channel).</summary>
    private readonly long Offset(int index, long width)
    {
        var (segment, within) = Math.DivRem(index, stretch);
        var (y, x) = Math.DivRem(segment, tapColumns);
        return ((((long)y * window.DilationHeight * width) + ((long)x * window.DilationWidth)) * inChannels) + within;
    }

    /// <summary>Copies lines of an image from <paramref name="top"/> on, with zeros for padding.</summary>
    private readonly void Copy(int image, int top, long lines, float* target)
    {
        var width = CopyWidth;
        var left = Math.Min(width, window.PadLeft);
        var inside = Math.Clamp(width - left, 0, window.Width);
        for (var i = 0; i < lines; i++, target += width * inChannels)
        {
            var line = new Span<float>(target, checked((int)(width * inChannels)));
            if (top + i < 0 || top + i >= window.Height)
            {
                line.Clear();
                continue;
            }
            var (start, length) = ((int)left * inChannels, (int)inside * inChannels);
            line[..start].Clear();
            new Span<float>(Input + ((((long)image * window.Height) + top + i) * window.Width * inChannels), length).CopyTo(line[start..]);
            line[(start + length)..].Clear();
        }
    }
}
