using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Nabi.Runtime.Emit;

namespace Nabi.Runtime.Kernels;

/// <summary>Windows times packed panels by <see cref="BitTiles"/>, which take all panels of a tile in one call and store results themselves.</summary>
/// <remarks>The words of a tile's windows are put together first, each window in one row. What the kernels cannot do, columns that fill no panel and results that are added to, is counted
/// aside and left to the sink.</remarks>
internal unsafe struct BitLoop : IKernel
{
    /// <summary>Columns of a panel.</summary>
    public const int Width = 16;

    private const int TileRows = TileLoop.MaxTileRows;

    /// <summary>Bytes of packed panels that are kept in the second-level cache.</summary>
    private const long PanelBytes = 512 * 1024;

    public BitTiles.Pointers Tiles;
    public WindowRows Source;
    public BitWalk* Walks;
    public int WalkCount;

    /// <summary>Words of a window, an even number.</summary>
    public int WindowWords;

    public float* Packed;
    public int Columns;
    public BitSink Sink;

    /// <summary>For each worker <see cref="RowsSize"/> words.</summary>
    public uint* Rows;

    private readonly nint PanelWords => (nint)(WindowWords + 1) * Width;

    /// <summary>Words that a tile's rows take.</summary>
    public static long RowsSize(int windowWords) => TileRows * (long)RowStride(windowWords);

    // Rows start on cache lines and are written in whole registers.
    private static int RowStride(int windowWords) => (windowWords + Vector256<uint>.Count + 15) / 16 * 16;

    [SkipLocalsInit]
    public readonly void Run<L, V>(int worker, int workers)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var (tiles, panels) = (0, (Columns + Width - 1) / Width);
        for (var i = 0; i < WalkCount; i++)
            tiles += TilesOf(Walks[i]);
        var (firstTile, lastTile, firstPanel, lastPanel) = (0, tiles, 0, panels);
        if (TileLoop.SplitsRows(tiles, panels, workers))
            (firstTile, lastTile) = WorkPool.Share(tiles, worker, workers);
        else
            (firstPanel, lastPanel) = WorkPool.Share(panels, worker, workers);
        var pointers = stackalloc float*[3 * TileRows];
        var numbers = stackalloc long[TileRows];
        var t = default(BitArguments);
        t.Outputs = pointers;
        t.Starts = pointers + TileRows;
        t.Inputs = (uint**)(pointers + (2 * TileRows));
        t.PanelStride = PanelWords * sizeof(uint);
        var rows = Rows + (worker * RowsSize(WindowWords));
        var step = (int)Math.Max(1, PanelBytes / (PanelWords * sizeof(uint)));
        for (var panel = firstPanel; panel < lastPanel; panel += step)
        {
            var end = Math.Min(lastPanel, panel + step);
            var walk = Walks;
            var first = 0;
            for (var tile = firstTile; tile < lastTile; tile++)
            {
                while (tile - first >= TilesOf(*walk))
                    first += TilesOf(*walk++);
                t.Stretches = walk->Stretches;
                t.StretchCount = walk->StretchCount;
                t.First = *walk->Stretches * Width;
                var row = (tile - first) * TileRows;
                var count = Math.Min(TileRows, WindowsOf(*walk) - row);
                Gather(*walk, row, count, rows, t.Inputs, numbers);
                Tile(ref t, numbers, count, panel, end);
            }
        }
    }

    private readonly int WindowsOf(in BitWalk walk) => Source.Batch * walk.Height * walk.Width;

    private readonly int TilesOf(in BitWalk walk) => (WindowsOf(walk) + TileRows - 1) / TileRows;

    // Rows of the kernel beyond the windows do the last once more.
    private readonly void Gather(in BitWalk walk, int first, int count, uint* rows, uint** inputs, long* numbers)
    {
        var (line, column) = Math.DivRem(first, walk.Width);
        var (stride, windowStride, tapRows) = (RowStride(WindowWords), (nint)Source.WindowStride, walk.EndTapRow - walk.FirstTapRow);
        var window = Place(walk, line, column, out var number);
        var into = walk.FirstTapRow * Source.TapColumns * Source.TapDepth;
        for (var i = 0; i < count; i++, rows += stride)
        {
            inputs[i] = rows;
            numbers[i] = number++;
            Gather(window, tapRows, Source.TapColumns, (nint)Source.TapRowStride, (nint)Source.TapColumnStride, Source.TapDepth, rows + into);
            window += windowStride;
            if (++column == walk.Width)
                window = Place(walk, ++line, column = 0, out number);
        }
        for (var i = count; i < TileRows; i++)
            inputs[i] = inputs[i - 1];
    }

    // Where a window starts, and its number. Past the last line it is not read.
    private readonly byte* Place(in BitWalk walk, int line, int column, out long number)
    {
        var (image, y) = Math.DivRem(line, walk.Height);
        var (windowY, windowX) = (walk.Y + y, walk.X + column);
        number = (((image * (long)Source.Height) + windowY) * Source.Width) + windowX;
        return Source.Source + (image * Source.ImageStride) + (windowY * Source.LineStride) + (windowX * Source.WindowStride) + (walk.FirstTapRow * Source.TapRowStride);
    }

    // Parities run on from one stretch of memory to the next: each is taken from what lies before it. Registers of 32 bytes, since these seldom lie in two cache lines.
    [MethodImpl(MethodImplOptions.NoInlining)]   // its loops need the registers
    private static void Gather(byte* window, int tapRows, int tapColumns, nint rowStride, nint columnStride, int depth, uint* row)
    {
        var parity = 0u;
        for (; tapRows > 0; tapRows--, window += rowStride)
        {
            var words = (uint*)window;
            for (var left = tapColumns; left > 0; left--, row += depth, words = (uint*)((byte*)words + columnStride))
            {
                parity ^= words[-1];
                var difference = Vector256.Create(parity);
                for (var i = 0; i < depth; i += Vector256<uint>.Count)
                    (Vector256.Load(words + i) ^ difference).Store(row + i);
                parity ^= words[depth - 1];
            }
        }
        *row = parity;   // of an odd number of words the last stands twice
    }

    private readonly void Tile(ref BitArguments t, long* numbers, int count, int panel, int end)
    {
        var rows = BitTiles.RowsFor(count);
        var column = panel * Width;
        var direct = Sink.Rest.Accumulates ? 0 : Math.Min(end, Columns / Width) - panel;
        if (direct > 0)
        {
            var call = t;
            call.Panel = Packed + (panel * PanelWords);
            call.Panels = direct;
            Sink.Direct(ref call, numbers, count, rows, column);
            Tiles.Run(&call, rows);
        }
        for (var p = panel + Math.Max(0, direct); p < end; p++)
            Aside(t, numbers, count, rows, p);
        if (!Sink.FinishesInStore)
            Sink.Finish(numbers, count, column, Math.Min(Columns, end * Width) - column);
    }

    [SkipLocalsInit]
    private readonly void Aside(BitArguments t, long* numbers, int count, int rows, int panel)
    {
        var counts = stackalloc float[TileRows * Width];
        var column = panel * Width;
        t.Panel = Packed + (panel * PanelWords);
        Count(Tiles, ref t, rows, counts);
        Sink.Close<Bits512, Vector512<int>>(counts, Width, numbers, count, column, Math.Min(Width, Columns - column));
    }

    /// <summary>The counts themselves of one panel.</summary>
    /// <param name="tiles">Kernels.</param>
    /// <param name="t">Inputs, panel, and room for a pointer per row in outputs and starts.</param>
    /// <param name="rows">Rows of the kernel.</param>
    /// <param name="counts">Receives rows of 16 counts.</param>
    public static void Count(BitTiles.Pointers tiles, ref BitArguments t, int rows, float* counts)
    {
        var ones = stackalloc float[Width];
        var zeros = stackalloc float[Width];
        new Span<float>(ones, Width).Fill(1);
        new Span<float>(zeros, Width).Clear();
        for (var i = 0; i < rows; i++)
        {
            t.Outputs[i] = counts + (i * Width);
            t.Starts[i] = zeros;
        }
        t.Scales = ones;
        t.Bias = null;
        (t.Panels, t.Column, t.Weight) = (1, 0, -1);
        fixed (BitArguments* call = &t)
            tiles.Run(call, rows);
    }
}
