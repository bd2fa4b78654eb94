namespace Nabi.Runtime.Kernels;

/// <summary>Rows of a matrix, of which as many as fit into a register at a time become the lanes of a tile.</summary>
internal readonly unsafe struct TurnedRows(float* source, long stride, int rows, int depth)
{
    /// <summary>Rows.</summary>
    public int Count => rows;

    /// <summary>Numbers of a row.</summary>
    public int Depth => depth;

    /// <summary>Turns the rows from <paramref name="row"/> on; rows and numbers that are not there become zeros.</summary>
    /// <param name="row">The first.</param>
    /// <param name="tile">Receives a register for each number of a row, and up to a register's count of them more.</param>
    /// <param name="tileStride">Floats from one of them to the next.</param>
    /// <param name="block">As many floats as a square of registers.</param>
    public void Turn<L, V>(int row, float* tile, int tileStride, float* block)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var first = source + (row * stride);
        var count = Math.Min(L.Count, rows - row);
        for (var k = 0; k < depth; k += L.Count, tile += L.Count * tileStride)
        {
            if (count == L.Count && k + L.Count <= depth)
            {
                L.Transpose(first + k, (nint)stride, tile, tileStride);
                continue;
            }
            for (var i = 0; i < count; i++)
                L.Store(Simd.Load<L, V>(first + (i * stride) + k, depth - k), block + (i * L.Count));
            for (var i = count; i < L.Count; i++)
                L.Store(default, block + (i * L.Count));
            L.Transpose(block, L.Count, tile, tileStride);
        }
    }
}
