using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>
/// One worker's share of a product with a <see cref="SparseMatrix"/> by lists: block after block of pixels, transposed, and all columns a register of them at a time.
/// </summary>
internal unsafe struct SparseKernel<TSource> : IKernel
    where TSource : unmanaged, ISparseSource
{
    public int Columns;

    /// <summary>Place of each column's first number, and the count of all.</summary>
    public int* Starts;

    /// <summary>Bytes from a tile to what each number is multiplied with.</summary>
    public uint* Offsets;

    public float* Values;

    /// <summary>Registers of pixels that are multiplied together.</summary>
    public int Together;

    /// <summary>Most registers of a block.</summary>
    public int BlockTiles;

    public TSource Source;
    public SparseRows Sink;
    public float* Scratch;
    public long WorkerScratch;

    [SkipLocalsInit]
    public readonly void Run<L, V>(int worker, int workers)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var tiles = Scratch + (worker * WorkerScratch);
        var sums = stackalloc float[L.Count * L.Count * SparseTiles.Registers];
        var block = stackalloc float[L.Count * L.Count];
        var all = Source.Registers(L.Count);
        var panels = (Columns + L.Count - 1) / L.Count;
        var byRows = all >= workers;
        var (first, last) = byRows ? WorkPool.Share(all, worker, workers) : (0, all);
        var (firstPanel, lastPanel) = byRows ? (0, panels) : WorkPool.Share(panels, worker, workers);
        if (firstPanel == lastPanel)
            return;
        int count;
        for (; first < last; first += count)
        {
            count = Source.Together(first, Math.Min(BlockTiles, last - first), L.Count);
            Source.Turn<L, V>(first, count, tiles, block);
            for (var panel = firstPanel; panel < lastPanel; panel++)
            {
                var column = panel * L.Count;
                for (var at = 0; at < count; at += Together)
                {
                    var registers = Math.Min(Together, count - at);
                    Multiply<L, V>((byte*)(tiles + Source.TileAt(first, at, L.Count)), column, Math.Min(L.Count, Columns - column), registers, sums);
                    for (var i = 0; i < registers; i++)
                    {
                        L.Transpose(sums + (i * L.Count), SparseTiles.Registers * L.Count, block, L.Count);
                        Source.Store<L, V>(Sink, block, first + at + i, column, Columns - column);
                    }
                }
            }
        }
    }

    private readonly void Multiply<L, V>(byte* tile, int column, int columns, int registers, float* sums)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        for (var i = 0; i < columns; i++, sums += SparseTiles.Registers * L.Count)
        {
            var start = Starts[column + i];
            var count = Starts[column + i + 1] - start;
            var offsets = Offsets + start;
            var values = Values + start;
            if (registers == 4)
                SparseTiles.Four<L, V>(tile, offsets, values, count, sums);
            else if (registers >= 2)
                SparseTiles.Two<L, V>(tile, offsets, values, count, sums);
            if (registers == 3)
                SparseTiles.One<L, V>(tile + (2 * L.Count * sizeof(float)), offsets, values, count, sums + (2 * L.Count));
            else if (registers == 1)
                SparseTiles.One<L, V>(tile, offsets, values, count, sums);
        }
    }
}
