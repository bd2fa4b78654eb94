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

    /// <summary>Full tiles from row <paramref name="row"/> on, at most <paramref name="most"/>, each of whose inputs lie <paramref name="step"/> floats
    /// after those of the tile before; the numbers of all their rows are evenly spaced. 1 or less if there is but one.</summary>
    int Strip(int row, int tileRows, int most, int start, int end, out nint step);
}

/// <summary>Takes finished tiles: the float result with its epilogue, or the requantized integers.</summary>
internal unsafe interface ITileSink
{
    /// <summary>Whether the micro-kernel may store straight into <see cref="Target"/>; if not, the reduction must come in one block.</summary>
    bool StoresDirectly { get; }

    /// <summary>Whether old content is added on the first block.</summary>
    bool Accumulates { get; }

    /// <summary>Bias in four-byte elements, or null.</summary>
    float* Bias { get; }

    /// <summary>Whether the last store limits the range, and to what.</summary>
    bool TryGetRange(out float low, out float high);

    /// <summary>Result row of a number from <see cref="IRowSource.Inputs"/>, the same distance from one number to the next.</summary>
    float* Target(long number);

    /// <summary>The matrix the kernel is to add before it limits the range, which is then no longer the sink's task; or null.</summary>
    float* TakeResidual(out long stride);

    /// <summary>Called after a tile is computed. <paramref name="tile"/> is null if it was stored directly.</summary>
    void Close<L, V>(float* tile, int stride, long* numbers, int count, int column, int columns)
        where L : unmanaged, ITileLanes<V>
        where V : unmanaged;

    /// <summary>Whether nothing is left to do after a store that limits the range; else <see cref="Finish"/> is called.</summary>
    bool FinishesInStore { get; }

    /// <summary>Does to some columns of rows whose sums are complete what their store did not do.</summary>
    void Finish(long* numbers, int count, int column, int columns);
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
/// Loop order, outermost first: blocks of panels that stay in the second-level cache, blocks of the reduction, strips of tiles (whose
/// inputs stay in the first-level cache), panels, tiles. A micro-kernel does a strip in one call: where the reduction is short, a call per
/// tile would take as long as its products. Blocks depend only on the sizes, never on the number of workers.
/// </remarks>
internal static unsafe class TileLoop
{
    /// <summary>Longest reduction block.</summary>
    public const int DepthBlock = 512;

    /// <summary>Bytes of packed panels that are kept in the second-level cache.</summary>
    private const long PanelBytes = 512 * 1024;

    /// <summary>Most row pointers per tile row.</summary>
    public const int MaxTaps = 1024;

    /// <summary>Most tiles of one call of a micro-kernel.</summary>
    public const int MaxStrip = 16;

    /// <summary>Inputs of such tiles that stay in the first-level cache while the panels pass, in floats.</summary>
    private const int StripFloats = 4096;

    public const int MaxTileRows = 8;

    /// <summary>Floats of a strip that are finished together, while they lie in the first-level cache.</summary>
    private const int OpenFloats = 2048;

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
        var numbers = stackalloc long[MaxTileRows * MaxStrip];
        var aside = stackalloc float[((MaxTileRows * MaxStrip) + 1) * width];
        var panelSize = (nint)source.Depth * width;
        var own = sink;
        var b = new TileBlock { Numbers = numbers, Aside = aside, Columns = columns };
        b.Residual = own.TakeResidual(out b.ResidualStride);
        var t = new TileArguments { Inputs = inputs, PanelStride = panelSize };
        var clamps = own.TryGetRange(out t.Low, out t.High);
        var panelsPerBlock = PanelsPerBlock(source.Depth, width);
        for (var block = firstPanel; block < lastPanel; block += panelsPerBlock)
        {
            (b.Panel, b.PanelEnd) = (block, Math.Min(lastPanel, block + panelsPerBlock));
            var start = 0;
            do
            {
                var end = source.BlockEnd(start);
                var most = sink.StoresDirectly ? Math.Clamp(StripFloats / (tileRows * Math.Max(1, end - start)), 1, MaxStrip) : 1;
                (b.IsFirst, b.IsLast) = (start == 0, end >= source.Depth);
                b.Load = start > 0 || sink.Accumulates;
                t.Clamp = clamps && b.IsLast;
                t.Panel = packed + (block * panelSize) + ((nint)start * width);
                for (var tile = firstTile; tile < lastTile; tile += b.Tiles)
                {
                    var row = tile * tileRows;
                    b.Count = Math.Min(tileRows, source.Rows - row);
                    b.Rows = b.Count == 1 ? 1 : b.Count <= 4 ? 4 : 8;
                    source.Inputs(row, b.Count, b.Rows, start, end, inputs, numbers, out t.Taps, out var depth);
                    t.Depth = depth;
                    b.Tiles = most == 1 ? 1 : Math.Max(1, source.Strip(row, tileRows, Math.Min(most, lastTile - tile), start, end, out t.InputStep));
                    Panels<L, V, TTiles, TSink>(kernels, ref b, ref t, ref own);
                }
                start = end;
            }
            while (start < source.Depth);
        }
    }

    /// <summary>Panels that stay in the second-level cache together.</summary>
    private static int PanelsPerBlock(int depth, int width) => (int)Math.Max(1, PanelBytes / (((long)Math.Min(depth, DepthBlock) * width * sizeof(float)) + 1));

    /// <summary>Whether the work is split by rows (else by panels): whichever leaves the busiest worker less to do.</summary>
    public static bool SplitsRows(int tiles, int panels, int workers)
    {
        var byRows = (tiles + workers - 1) / workers * (long)panels;
        var byPanels = (panels + workers - 1) / workers * (long)tiles;
        return byRows <= byPanels;
    }

    /// <summary>A strip of tiles times the panels of a block.</summary>
    public static void Panels<L, V, TTiles, TSink>(TTiles kernels, ref TileBlock b, ref TileArguments arguments, ref TSink sink)
        where L : unmanaged, ITileLanes<V>
        where V : unmanaged
        where TTiles : unmanaged, ITiles
        where TSink : unmanaged, ITileSink
    {
        var width = 2 * L.Count;
        var outputs = stackalloc float*[MaxTileRows];
        var addends = stackalloc float*[MaxTileRows];
        var t = arguments;
        t.Outputs = outputs;
        t.Tiles = b.Tiles;
        b.NumberTheRest();
        var rows = b.Count * b.Tiles;
        var finishes = b.IsLast && !sink.FinishesInStore;
        var open = b.Panel * width;
        for (var panel = b.Panel; panel < b.PanelEnd;)
        {
            var column = panel * width;
            var valid = Math.Min(width, b.Columns - column);
            var pair = b.Rows == 1 && sink.StoresDirectly && panel + 1 < b.PanelEnd && b.Columns - column >= 2 * width;
            if (pair)
                valid = 2 * width;
            var narrow = b.Rows == 8 && valid <= L.Count;
            var direct = sink.StoresDirectly && (valid == (narrow ? L.Count : width) || pair);
            t.Bias = b.IsFirst && sink.Bias is not null ? sink.Bias + column : null;
            t.Addends = b.Adds ? addends : null;
            if (direct)
                Point(ref b, ref t, ref sink, column, width);
            else
                PointAside<L, V, TSink>(ref b, ref t, ref sink, column, valid);
            kernels.Run(&t, b.Rows, narrow, pair);
            sink.Close<L, V>(direct ? null : b.Aside, width, b.Numbers, rows, column, valid);
            var step = pair ? 2 : 1;
            panel += step;
            t.Panel += step * t.PanelStride;
            if (!finishes || (panel < b.PanelEnd && (column + valid - open) * rows < OpenFloats))
                continue;
            sink.Finish(b.Numbers, rows, open, column + valid - open);
            open = column + valid;
        }
    }

    /// <summary>Lets the kernel store into the result.</summary>
    private static void Point<TSink>(ref TileBlock b, ref TileArguments t, ref TSink sink, int column, int width)
        where TSink : unmanaged, ITileSink
    {
        for (var i = 0; i < b.Rows; i++)
        {
            var number = b.Numbers[Math.Min(i, b.Count - 1)];
            t.Outputs[i] = i < b.Count ? sink.Target(number) + column : b.Aside;
            if (t.Addends is not null)
                t.Addends[i] = b.Load ? t.Outputs[i] : b.Residual + (number * b.ResidualStride) + column;
        }
        if (b.Tiles == 1)
            return;
        var numbers = b.Numbers[b.Count] - b.Numbers[0];
        t.OutputStep = (nint)(sink.Target(numbers) - sink.Target(0));
        t.AddendStep = b.Load ? t.OutputStep : (nint)(numbers * b.ResidualStride);
    }

    /// <summary>Lets the kernel store full registers aside, from where the sink takes the valid columns.</summary>
    private static void PointAside<L, V, TSink>(ref TileBlock b, ref TileArguments t, ref TSink sink, int column, int valid)
        where L : unmanaged, ITileLanes<V>
        where V : unmanaged
        where TSink : unmanaged, ITileSink
    {
        var width = 2 * L.Count;
        for (var i = 0; i < b.Rows; i++)
            t.Outputs[i] = b.Aside + (i * width);
        t.OutputStep = t.AddendStep = (nint)b.Count * width;
        if (t.Addends is not null)
        {
            t.Addends = t.Outputs;
            for (var i = 0; i < b.Count * b.Tiles; i++)
                CopyColumns<V>(b.Load ? sink.Target(b.Numbers[i]) + column : b.Residual + (b.Numbers[i] * b.ResidualStride) + column, b.Aside + (i * width), L.Count, valid);
        }
        if (t.Bias is not null && valid < width)
        {
            var bias = b.Aside + (MaxTileRows * MaxStrip * width);
            CopyColumns<V>(t.Bias, bias, L.Count, valid);
            t.Bias = bias;
        }
    }

    /// <summary>Copies a row of at most two registers.</summary>
    public static void CopyColumns<V>(float* source, float* target, int lanes, int columns)
        where V : unmanaged
    {
        for (; columns >= lanes; columns -= lanes, source += lanes, target += lanes)
            *(V*)target = *(V*)source;
        if (columns > 0)
            Simd.StorePart(Simd.LoadPart<V>(source, columns), target, columns);
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
