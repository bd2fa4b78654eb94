namespace Nabi.Runtime.Kernels;

/// <summary>Rows of a matrix, of which as many as fit into a register at a time become the lanes of a tile.</summary>
internal readonly unsafe struct TurnedRows(float* source, long stride, int rows, int depth) : ISparseSource
{
    /// <summary>Floats from one tile to the next.</summary>
    public int TileStep { get; init; }

    /// <summary>Floats from one number of a tile to the next.</summary>
    public int NumberStep { get; init; }

    public int Registers(int lanes) => (rows + lanes - 1) / lanes;

    public int Together(int first, int most, int lanes) => most;

    public void Turn<L, V>(int first, int count, float* tiles, float* block)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        for (var i = 0; i < count; i++)
            Turn<L, V>((first + i) * L.Count, tiles + ((long)i * TileStep), NumberStep, block);
    }

    public int TileAt(int first, int index, int lanes) => index * TileStep;

    public void Store<L, V>(in SparseRows sink, float* sums, int register, int column, int left)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var row = register * L.Count;
        sink.Store<L, V>(sums, row, Math.Min(L.Count, rows - row), column, left);
    }

    /// <summary>Turns the rows from <paramref name="row"/> on; rows and numbers that are not there become zeros.</summary>
    /// <param name="row">The first.</param>
    /// <param name="tile">Receives a register for each number of a row, and up to a register's count of them more.</param>
    /// <param name="numberStep">Floats from one of them to the next.</param>
    /// <param name="block">As many floats as a square of registers.</param>
    public void Turn<L, V>(int row, float* tile, int numberStep, float* block)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var first = source + (row * stride);
        var count = Math.Min(L.Count, rows - row);
        for (var k = 0; k < depth; k += L.Count, tile += L.Count * numberStep)
        {
            if (count == L.Count && k + L.Count <= depth)
            {
                L.Transpose(first + k, (nint)stride, tile, numberStep);
                continue;
            }
            for (var i = 0; i < count; i++)
                L.Store(Simd.Load<L, V>(first + (i * stride) + k, depth - k), block + (i * L.Count));
            for (var i = count; i < L.Count; i++)
                L.Store(default, block + (i * L.Count));
            L.Transpose(block, L.Count, tile, numberStep);
        }
    }
}
