using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Nabi.Runtime.Emit;

namespace Nabi.Runtime.Kernels;

/// <summary>Windows times packed panels by <see cref="BitTiles"/>, which take all panels of a tile in one call and store results themselves.</summary>
/// <remarks>What they cannot do, columns that fill no panel and results that are added to, is counted aside and left to the sink.</remarks>
internal unsafe struct BitLoop : IKernel
{
    /// <summary>Columns of a panel.</summary>
    private const int Width = 32;

    /// <summary>Bytes of packed panels that are kept in the second-level cache.</summary>
    private const long PanelBytes = 512 * 1024;

    public BitTiles.Pointers Tiles;
    public WindowRows Source;
    public float* Packed;
    public int Columns;
    public BitSink Sink;

    [SkipLocalsInit]
    public readonly void Run<L, V>(int worker, int workers)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        const int TileRows = TileLoop.MaxTileRows;
        var (tiles, panels) = ((Source.Rows + TileRows - 1) / TileRows, (Columns + Width - 1) / Width);
        var (firstTile, lastTile, firstPanel, lastPanel) = (0, tiles, 0, panels);
        if (TileLoop.SplitsRows(tiles, panels, workers))
            (firstTile, lastTile) = WorkPool.Share(tiles, worker, workers);
        else
            (firstPanel, lastPanel) = WorkPool.Share(panels, worker, workers);
        var pointers = stackalloc float*[(Source.MaxTaps + 2) * TileRows];
        var numbers = stackalloc long[TileRows];
        var t = BitArguments.Unlimited;
        t.Outputs = pointers;
        t.Starts = pointers + TileRows;
        t.Inputs = pointers + (2 * TileRows);
        var step = (int)Math.Max(1, PanelBytes / (((long)Source.Depth * Width * sizeof(float)) + 1));
        for (var panel = firstPanel; panel < lastPanel; panel += step)
        {
            var end = Math.Min(lastPanel, panel + step);
            for (var tile = firstTile; tile < lastTile; tile++)
            {
                var count = Math.Min(TileRows, Source.Rows - (tile * TileRows));
                var rows = count == 1 ? 1 : count <= 4 ? 4 : 8;
                Source.Inputs(tile * TileRows, count, rows, 0, Source.Depth, t.Inputs, numbers, out t.Taps, out var depth);
                t.Depth = depth;
                Tile(ref t, numbers, count, rows, panel, end);
            }
        }
    }

    private readonly void Tile(ref BitArguments t, long* numbers, int count, int rows, int panel, int end)
    {
        var column = panel * Width;
        var direct = Sink.Rest.Accumulates ? 0 : Math.Min(end, Columns / Width) - panel;
        if (direct > 0)
        {
            var call = t;
            call.Panel = Packed + (panel * (nint)Source.Depth * Width);
            call.Panels = direct;
            Sink.Direct(ref call, numbers, count, rows, column);
            Tiles.Run(&call, rows, isNarrow: false);
        }
        for (var p = panel + Math.Max(0, direct); p < end; p++)
            Aside(t, numbers, count, rows, p);
        if (!Sink.FinishesInStore)
            Sink.Finish(numbers, count, column, Math.Min(Columns, end * Width) - column);
    }

    [SkipLocalsInit]
    private readonly void Aside(BitArguments t, long* numbers, int count, int rows, int panel)
    {
        var counts = stackalloc float[TileLoop.MaxTileRows * Width];
        var column = panel * Width;
        var valid = Math.Min(Width, Columns - column);
        t.Panel = Packed + (panel * (nint)Source.Depth * Width);
        Count(Tiles, ref t, rows, isNarrow: rows == 8 && valid <= Width / 2, counts);
        Sink.Close<Bits512, Vector512<int>>(counts, Width, numbers, count, column, valid);
    }

    /// <summary>The counts themselves of one panel.</summary>
    /// <param name="tiles">Kernels.</param>
    /// <param name="t">Inputs, panel, and room for a pointer per row in outputs and starts.</param>
    /// <param name="rows">Rows of the tile.</param>
    /// <param name="isNarrow">Whether only the first half of the columns is counted.</param>
    /// <param name="counts">Receives rows of 32 counts.</param>
    public static void Count(BitTiles.Pointers tiles, ref BitArguments t, int rows, bool isNarrow, float* counts)
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
            tiles.Run(call, rows, isNarrow);
    }
}
