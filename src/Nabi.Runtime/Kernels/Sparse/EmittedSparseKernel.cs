using System.Runtime.CompilerServices;
using Nabi.Runtime.Emit;

namespace Nabi.Runtime.Kernels;

/// <summary>One worker's share of a product with a <see cref="SparseMatrix"/> by <see cref="SparseCode"/>, for registers of 16 lanes.</summary>
/// <remarks>Pixels are taken in blocks of tiles; a routine, which is longer than its numbers, is run for all tiles of a block in turn.</remarks>
internal unsafe struct EmittedSparseKernel<TSource> : IKernel
    where TSource : unmanaged, ISparseSource
{
    /// <summary>The routines; whoever runs the kernel keeps them.</summary>
    public SparseCode.Routines Code;

    /// <summary>Parts of the depth.</summary>
    public int Parts;

    public int Columns;

    public float* Values;
    public TSource Source;

    /// <summary>Most tiles of a block.</summary>
    public int BlockTiles;

    /// <summary>Floats of the tiles of a block.</summary>
    public long BlockSize;

    public SparseRows Sink;
    public float* Scratch;
    public long WorkerScratch;

    [SkipLocalsInit]
    public readonly void Run<L, V>(int worker, int workers)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var tiles = Scratch + (worker * WorkerScratch);
        var sums = tiles + BlockSize;
        var block = stackalloc float[L.Count * L.Count];
        var registers = Source.Registers(L.Count);
        var panels = (Columns + L.Count - 1) / L.Count;
        var byRows = registers >= workers;
        var (first, last) = byRows ? WorkPool.Share(registers, worker, workers) : (0, registers);
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
                for (var part = 0; part < Parts; part++)
                {
                    for (var i = 0; i < count; i++)
                        Code.Run((panel * Parts) + part, tiles + Source.TileAt(first, i, L.Count), Values, sums + (i * L.Count * L.Count));
                }
                for (var i = 0; i < count; i++)
                {
                    L.Transpose(sums + (i * L.Count * L.Count), L.Count, block, L.Count);
                    Source.Store<L, V>(Sink, block, first + i, column, Columns - column);
                }
            }
        }
    }
}
