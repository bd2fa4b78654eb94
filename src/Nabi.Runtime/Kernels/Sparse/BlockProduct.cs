namespace Nabi.Runtime.Kernels;

/// <summary>Single precision products with a constant matrix of many zeros, C = epilogue(A x B), by stretches of a row of B that are not all zero.</summary>
/// <remarks>
/// <para>A stretch is one register of neighbouring columns (output channels): what pruning by blocks of channels leaves. Each is multiplied with one number
/// of each row of A, which is read where it lies; what is not stored is neither read nor multiplied.</para>
/// <para>Every result is the sum of two chains of multiply-adds, over the even and the odd stretches of its columns: neither the number of workers nor the
/// place of a row changes bits. An instance is immutable and may be used by several threads.</para>
/// </remarks>
internal sealed unsafe class BlockProduct
{
    private readonly SparsePattern pattern;
    private readonly int[] starts;
    private readonly uint[] offsets;

    /// <summary>Prepares products.</summary>
    /// <param name="pattern">Where B is not zero.</param>
    public BlockProduct(SparsePattern pattern)
    {
        this.pattern = pattern;
        starts = new int[Panels(pattern) + 1];
        var rows = new List<uint>();
        var isUsed = new bool[pattern.Depth];
        for (var panel = 0; panel < starts.Length - 1; panel++)
        {
            Mark(pattern, panel, isUsed);
            for (var row = 0; row < isUsed.Length; row++)
                if (isUsed[row]) rows.Add((uint)row * sizeof(float));
            starts[panel + 1] = rows.Count;
        }
        offsets = [.. rows];
    }

    /// <summary>Share of the stretches that are not all zero, 0 to 1.</summary>
    /// <param name="pattern">Where B is not zero.</param>
    public static double DensityOf(SparsePattern pattern)
    {
        var isUsed = new bool[pattern.Depth];
        var used = 0L;
        for (var panel = 0; panel < Panels(pattern); panel++)
        {
            Mark(pattern, panel, isUsed);
            used += isUsed.AsSpan().Count(true);
        }
        return (double)used / ((long)Panels(pattern) * pattern.Depth);
    }

    /// <summary>Floats of the packed matrix.</summary>
    public long PackedSize => Math.Max(1L, offsets.Length) * Simd.Lanes;

    /// <summary>Packs the matrix.</summary>
    /// <param name="b">The matrix, with zeros where the pattern has them.</param>
    /// <param name="columnStride">Floats from one column to the next.</param>
    /// <param name="depthStride">Floats from one row to the next.</param>
    /// <param name="packed">Receives <see cref="PackedSize"/> floats.</param>
    public void Pack(float* b, long columnStride, long depthStride, float* packed)
    {
        for (var panel = 0; panel < starts.Length - 1; panel++)
        {
            var first = panel * Simd.Lanes;
            foreach (var offset in offsets.AsSpan(starts[panel]..starts[panel + 1]))
                for (var column = first; column < first + Simd.Lanes; column++)
                    *packed++ = column < pattern.Columns ? b[(column * columnStride) + (offset / sizeof(float) * depthStride)] : 0;
        }
    }

    /// <summary>C = epilogue(A x B).</summary>
    /// <param name="pool">Shares the work by rows, or by columns where rows are few.</param>
    /// <param name="rows">Rows of A and C.</param>
    /// <param name="a">A.</param>
    /// <param name="aStride">Floats from one row of A to the next.</param>
    /// <param name="packed">From <see cref="Pack"/>.</param>
    /// <param name="c">C; must not overlap A.</param>
    /// <param name="cStride">Floats from one row of C to the next.</param>
    /// <param name="epilogue">Bias, residual, accumulation and activation.</param>
    public void Run(WorkPool pool, int rows, float* a, long aStride, float* packed, float* c, long cStride, in Epilogue epilogue)
    {
        ArgumentNullException.ThrowIfNull(pool);
        if (rows == 0)
            return;
        fixed (uint* first = offsets)
        fixed (int* from = starts)
        {
            var kernel = new SparsePanels<BlockPanels>
            {
                Panels = new BlockPanels { Starts = from, Offsets = first, Values = packed }, Columns = pattern.Columns, Depth = pattern.Depth,
                Rows = rows, Source = a, Stride = aStride, Sink = new SparseRows(c, cStride, epilogue),
            };
            pool.Run(ref kernel, rows * Math.Max(1L, offsets.Length) * Simd.Lanes);
        }
    }

    private static int Panels(SparsePattern pattern) => (pattern.Columns + Simd.Lanes - 1) / Simd.Lanes;

    private static void Mark(SparsePattern pattern, int panel, bool[] isUsed)
    {
        Array.Clear(isUsed);
        for (var column = panel * Simd.Lanes; column < Math.Min(pattern.Columns, (panel + 1) * Simd.Lanes); column++)
            foreach (var row in pattern.RowsOf(column)) isUsed[row] = true;
    }
}
