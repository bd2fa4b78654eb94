using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>One worker's share of a <see cref="SparseProduct"/>: tile after tile of rows, transposed, and all columns of a tile a register of them at a time.</summary>
internal unsafe struct SparseKernel : IKernel
{
    public int Columns;

    /// <summary>Place of each column's first number, and the count of all.</summary>
    public int* Starts;

    /// <summary>Bytes from the start of a tile to the row of each number.</summary>
    public uint* Offsets;

    public float* Values;

    /// <summary>Registers of rows in a tile.</summary>
    public int Registers;

    public TurnedRows Source;
    public SparseRows Sink;
    public float* Scratch;
    public long WorkerScratch;

    [SkipLocalsInit]
    public readonly void Run<L, V>(int worker, int workers)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var tile = Scratch + (worker * WorkerScratch);
        var sums = stackalloc float[L.Count * L.Count * SparseTiles.Registers];
        var block = stackalloc float[L.Count * L.Count];
        var groups = (Source.Count + L.Count - 1) / L.Count;
        var panels = (Columns + L.Count - 1) / L.Count;
        var byRows = groups >= workers;
        var (firstGroup, lastGroup) = byRows ? WorkPool.Share(groups, worker, workers) : (0, groups);
        var (firstPanel, lastPanel) = byRows ? (0, panels) : WorkPool.Share(panels, worker, workers);
        if (firstPanel == lastPanel)
            return;
        for (var group = firstGroup; group < lastGroup; group += Registers)
        {
            var registers = Math.Min(Registers, lastGroup - group);
            for (var i = 0; i < registers; i++)
                Source.Turn<L, V>((group + i) * L.Count, tile + (i * L.Count), Registers * L.Count, block);
            for (var panel = firstPanel; panel < lastPanel; panel++)
            {
                var column = panel * L.Count;
                Multiply<L, V>((byte*)tile, column, Math.Min(L.Count, Columns - column), registers, sums);
                for (var i = 0; i < registers; i++)
                {
                    var row = (group + i) * L.Count;
                    L.Transpose(sums + (i * L.Count), SparseTiles.Registers * L.Count, block, L.Count);
                    Sink.Store<L, V>(block, row, Math.Min(L.Count, Source.Count - row), column, Columns - column);
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
