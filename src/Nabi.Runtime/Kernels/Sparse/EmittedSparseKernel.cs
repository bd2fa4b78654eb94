using System.Runtime.CompilerServices;
using Nabi.Runtime.Emit;

namespace Nabi.Runtime.Kernels;

/// <summary>One worker's share of a <see cref="SparseProduct"/> by <see cref="SparseCode"/>, for registers of 16 lanes.</summary>
/// <remarks>Rows are taken in blocks of tiles; a routine, which is longer than its numbers, is run for all tiles of a block in turn.</remarks>
internal unsafe struct EmittedSparseKernel : IKernel
{
    /// <summary>The routines; whoever runs the kernel keeps them.</summary>
    public SparseCode.Routines Code;

    /// <summary>Parts of the depth.</summary>
    public int Parts;

    public int Columns;

    public float* Values;
    public TurnedRows Source;

    /// <summary>Tiles of a block.</summary>
    public int BlockTiles;

    /// <summary>Floats of a tile.</summary>
    public int TileSize;

    public SparseRows Sink;
    public float* Scratch;
    public long WorkerScratch;

    [SkipLocalsInit]
    public readonly void Run<L, V>(int worker, int workers)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var tiles = Scratch + (worker * WorkerScratch);
        var sums = tiles + ((long)BlockTiles * TileSize);
        var block = stackalloc float[L.Count * L.Count];
        var groups = (Source.Count + L.Count - 1) / L.Count;
        var panels = (Columns + L.Count - 1) / L.Count;
        var byRows = groups >= workers;
        var (firstGroup, lastGroup) = byRows ? WorkPool.Share(groups, worker, workers) : (0, groups);
        var (firstPanel, lastPanel) = byRows ? (0, panels) : WorkPool.Share(panels, worker, workers);
        if (firstPanel == lastPanel)
            return;
        for (var group = firstGroup; group < lastGroup; group += BlockTiles)
        {
            var count = Math.Min(BlockTiles, lastGroup - group);
            for (var i = 0; i < count; i++)
                Source.Turn<L, V>((group + i) * L.Count, tiles + ((long)i * TileSize), L.Count, block);
            for (var panel = firstPanel; panel < lastPanel; panel++)
            {
                var column = panel * L.Count;
                for (var part = 0; part < Parts; part++)
                {
                    for (var i = 0; i < count; i++)
                        Code.Run((panel * Parts) + part, tiles + ((long)i * TileSize), Values, sums + (i * L.Count * L.Count));
                }
                for (var i = 0; i < count; i++)
                {
                    var row = (group + i) * L.Count;
                    L.Transpose(sums + (i * L.Count * L.Count), L.Count, block, L.Count);
                    Sink.Store<L, V>(block, row, Math.Min(L.Count, Source.Count - row), column, Columns - column);
                }
            }
        }
    }
}
