using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>The micro-kernels of a packed sparse matrix whose panels are one register of columns wide.</summary>
internal unsafe interface ISparsePanels
{
    /// <summary>Sums of one row of A and a panel.</summary>
    void One<L, V>(byte* row, int panel, float* sums)
        where L : unmanaged, ILanes<V>
        where V : unmanaged;

    /// <summary>Sums of four rows of A and a panel, each with the bits it has alone.</summary>
    void Four<L, V>(byte* a0, byte* a1, byte* a2, byte* a3, int panel, float* sums)
        where L : unmanaged, ILanes<V>
        where V : unmanaged;
}

/// <summary>One worker's share of a product with sparse panels: strips of rows that stay in the first-level cache while the panels pass.</summary>
internal unsafe struct SparsePanels<TPanels> : IKernel
    where TPanels : unmanaged, ISparsePanels
{
    private const int TileRows = 4;
    private const int StripFloats = 8192;

    public TPanels Panels;
    public int Columns;
    public int Depth;
    public int Rows;
    public float* Source;
    public long Stride;
    public SparseRows Sink;

    [SkipLocalsInit]
    public readonly void Run<L, V>(int worker, int workers)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var sums = stackalloc float[TileRows * L.Count];
        var tiles = (Rows + TileRows - 1) / TileRows;
        var panels = (Columns + L.Count - 1) / L.Count;
        var byRows = TileLoop.SplitsRows(tiles, panels, workers);
        var (firstTile, lastTile) = byRows ? WorkPool.Share(tiles, worker, workers) : (0, tiles);
        var (firstPanel, lastPanel) = byRows ? (0, panels) : WorkPool.Share(panels, worker, workers);
        var strip = Math.Max(1, StripFloats / (TileRows * Depth));
        for (var from = firstTile; from < lastTile; from += strip)
        {
            for (var panel = firstPanel; panel < lastPanel; panel++)
            {
                for (var tile = from; tile < Math.Min(lastTile, from + strip); tile++)
                {
                    var row = tile * TileRows;
                    var rows = Math.Min(TileRows, Rows - row);
                    if (rows == 1)
                        Panels.One<L, V>(At(row), panel, sums);
                    else
                        Panels.Four<L, V>(At(row), At(row + 1), At(row + Math.Min(2, rows - 1)), At(row + Math.Min(3, rows - 1)), panel, sums);
                    Sink.Store<L, V>(sums, row, rows, panel * L.Count, Columns - (panel * L.Count));
                }
            }
        }
    }

    private readonly byte* At(int row) => (byte*)(Source + (row * Stride));
}
