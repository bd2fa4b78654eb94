using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>Where the rows of the left matrix are: a dense matrix, or pixels of an image seen through the taps of a convolution.</summary>
internal unsafe interface IRowSource
{
    /// <summary>Rows of the product.</summary>
    int Rows { get; }

    /// <summary>Length of the reduction in four-byte elements.</summary>
    int Depth { get; }

    /// <summary>Most row pointers per tile row that <see cref="Inputs"/> gives for one block.</summary>
    int MaxTaps { get; }

    /// <summary>End of the reduction block that starts at <paramref name="start"/>.</summary>
    int BlockEnd(int start);

    /// <summary>Pointers for tile rows <paramref name="row"/>.. and the block [start, end); rows beyond <paramref name="count"/> repeat the last.
    /// Also the number of the result row (of the pixel, for images) of each of the <paramref name="count"/> rows.</summary>
    void Inputs(int row, int count, int tileRows, int start, int end, float** inputs, long* numbers, out int taps, out int depth);

}

/// <summary>Takes finished tiles: the float result with its epilogue, or the requantized integers.</summary>
internal unsafe interface ITileSink
{
    /// <summary>Whether the micro-kernel may store straight into <see cref="Target"/>.</summary>
    bool StoresDirectly { get; }

    /// <summary>Whether old content is added on the first block.</summary>
    bool Accumulates { get; }

    /// <summary>Bias in four-byte elements, or null.</summary>
    float* Bias { get; }

    /// <summary>Whether the last store limits the range, and to what.</summary>
    bool TryGetRange(out float low, out float high);

    /// <summary>Result row of a number from <see cref="IRowSource.Inputs"/>.</summary>
    float* Target(long number);

    /// <summary>Called after a tile is computed. <paramref name="tile"/> is null if it was stored directly.</summary>
    void Close<L, V>(float* tile, int stride, long* numbers, int count, int column, int columns, bool last)
        where L : unmanaged, ITileLanes<V>
        where V : unmanaged;
}

/// <summary>A set of micro-kernels.</summary>
internal unsafe interface ITiles
{
    /// <summary>Runs the kernel for a tile of 1, 4 or 8 rows; arguments as for <see cref="TileKernels.Run"/>.</summary>
    void Run(TileArguments* t, int rows, bool isNarrow, bool isPair);
}

/// <summary>The micro-kernels of <see cref="TileKernels"/>.</summary>
internal readonly unsafe struct ManagedTiles<L, V> : ITiles
    where L : unmanaged, ITileLanes<V>
    where V : unmanaged
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Run(TileArguments* t, int rows, bool isNarrow, bool isPair) => TileKernels.Run<L, V>(t, rows, isNarrow, isPair);
}

/// <summary>Cache blocking, edges and work split around the micro-kernels.</summary>
/// <remarks>
/// Loop order, outermost first: blocks of panels that stay in the second-level cache, blocks of the reduction, tiles of rows (whose
/// inputs stay in the first-level cache), panels. Blocks depend only on the sizes, never on the number of workers.
/// </remarks>
internal static unsafe class TileLoop
{
    /// <summary>Longest reduction block.</summary>
    public const int DepthBlock = 512;

    /// <summary>Bytes of packed panels that are kept in the second-level cache.</summary>
    private const long PanelBytes = 512 * 1024;

    /// <summary>Most row pointers per tile row.</summary>
    public const int MaxTaps = 1024;

    public const int MaxTileRows = 8;

    /// <summary>Columns of a packed panel at this width.</summary>
    public static int PanelColumns => 2 * Simd.Lanes;

    /// <summary>One worker's share of source x packed panels -> sink, by the managed micro-kernels.</summary>
    public static void Run<L, V, TRows, TSink>(ref TRows source, float* packed, int columns, ref TSink sink, int worker, int workers)
        where L : unmanaged, ITileLanes<V>
        where V : unmanaged
        where TRows : unmanaged, IRowSource
        where TSink : unmanaged, ITileSink =>
        Run<L, V, ManagedTiles<L, V>, TRows, TSink>(default, ref source, packed, columns, ref sink, worker, workers);

    /// <summary>One worker's share of source x packed panels -> sink.</summary>
    [SkipLocalsInit]
    public static void Run<L, V, TTiles, TRows, TSink>(TTiles kernels, ref TRows source, float* packed, int columns, ref TSink sink, int worker, int workers)
        where L : unmanaged, ITileLanes<V>
        where V : unmanaged
        where TTiles : unmanaged, ITiles
        where TRows : unmanaged, IRowSource
        where TSink : unmanaged, ITileSink
    {
        var width = 2 * L.Count;
        var tileRows = L.Count >= 16 ? 8 : 4;
        var tiles = (source.Rows + tileRows - 1) / tileRows;
        var panels = (columns + width - 1) / width;
        var (firstTile, lastTile) = (0, tiles);
        var (firstPanel, lastPanel) = (0, panels);
        if (SplitsRows(tiles, panels, workers))
            (firstTile, lastTile) = WorkPool.Share(tiles, worker, workers);
        else
            (firstPanel, lastPanel) = WorkPool.Share(panels, worker, workers);

        var inputs = stackalloc float*[source.MaxTaps * MaxTileRows];
        var temporary = stackalloc float[(MaxTileRows + 2) * width];
        var numbers = stackalloc long[MaxTileRows];
        var panelSize = (nint)source.Depth * width;
        var t = new TileArguments { Inputs = inputs, PanelStride = panelSize };
        var clamps = sink.TryGetRange(out t.Low, out t.High);
        var panelsPerBlock = (int)Math.Max(1, PanelBytes / ((long)Math.Min(source.Depth, DepthBlock) * width * sizeof(float) + 1));
        for (var block = firstPanel; block < lastPanel; block += panelsPerBlock)
        {
            var blockEnd = Math.Min(lastPanel, block + panelsPerBlock);
            var start = 0;
            do
            {
                var end = source.BlockEnd(start);
                var last = end >= source.Depth;
                t.Load = start > 0 || sink.Accumulates;
                t.Clamp = clamps && last;
                for (var tile = firstTile; tile < lastTile; tile++)
                {
                    var row = tile * tileRows;
                    var count = Math.Min(tileRows, source.Rows - row);
                    var kernelRows = count == 1 ? 1 : count <= 4 ? 4 : 8;
                    source.Inputs(row, count, kernelRows, start, end, inputs, numbers, out t.Taps, out var depth);
                    t.Depth = depth;
                    t.Panel = packed + (block * panelSize) + ((nint)start * width);
                    Panels<L, V, TTiles, TSink>(kernels, ref t, ref sink, temporary, numbers, count, kernelRows, block, blockEnd, columns, start == 0, last);
                }
                start = end;
            }
            while (start < source.Depth);
        }
    }

    /// <summary>Whether the work is split by rows (else by panels): whichever leaves the busiest worker less to do.</summary>
    public static bool SplitsRows(int tiles, int panels, int workers)
    {
        var byRows = (tiles + workers - 1) / workers * (long)panels;
        var byPanels = (panels + workers - 1) / workers * (long)tiles;
        return byRows <= byPanels;
    }

    /// <summary>One tile of rows times the panels [panel, end).</summary>
    public static void Panels<L, V, TTiles, TSink>(
        TTiles kernels, ref TileArguments arguments, ref TSink sink, float* temporary, long* numbers, int count, int kernelRows, int panel, int end, int columns, bool first, bool last)
        where L : unmanaged, ITileLanes<V>
        where V : unmanaged
        where TTiles : unmanaged, ITiles
        where TSink : unmanaged, ITileSink
    {
        var width = 2 * L.Count;
        var outputs = stackalloc float*[MaxTileRows];
        var t = arguments;
        t.Outputs = outputs;
        var dump = temporary + (MaxTileRows * width);
        while (panel < end)
        {
            var column = panel * width;
            var valid = Math.Min(width, columns - column);
            var pair = kernelRows == 1 && sink.StoresDirectly && panel + 1 < end && columns - column >= 2 * width;
            if (pair)
                valid = 2 * width;
            var narrow = kernelRows == 8 && valid <= L.Count;
            var direct = sink.StoresDirectly && (valid == (narrow ? L.Count : width) || pair);
            t.Bias = first && sink.Bias is not null ? sink.Bias + column : null;
            if (direct)
            {
                for (var i = 0; i < kernelRows; i++)
                    outputs[i] = i < count ? sink.Target(numbers[i]) + column : dump;
            }
            else
            {
                for (var i = 0; i < kernelRows; i++)
                {
                    outputs[i] = temporary + (i * width);
                    if (t.Load && i < count)
                        Unsafe.CopyBlockUnaligned(outputs[i], sink.Target(numbers[i]) + column, (uint)(valid * sizeof(float)));
                }
                if (t.Bias is not null && valid < width)
                {
                    Unsafe.CopyBlockUnaligned(dump, t.Bias, (uint)(valid * sizeof(float)));
                    t.Bias = dump;
                }
            }
            kernels.Run(&t, kernelRows, narrow, pair);
            sink.Close<L, V>(direct ? null : temporary, width, numbers, count, column, valid, last);
            var step = pair ? 2 : 1;
            panel += step;
            t.Panel += step * t.PanelStride;
        }
    }
}

/// <summary>Rows times a packed matrix into a sink.</summary>
internal unsafe struct TileKernel<TRows, TSink> : IKernel
    where TRows : unmanaged, IRowSource
    where TSink : unmanaged, ITileSink
{
    public TRows Source;
    public float* Packed;
    public int Columns;
    public TSink Sink;

    public void Run<L, V>(int worker, int workers)
        where L : unmanaged, ILanes<V>
        where V : unmanaged =>
        TileLoop.Run<L, V, TRows, TSink>(ref Source, Packed, Columns, ref Sink, worker, workers);
}
