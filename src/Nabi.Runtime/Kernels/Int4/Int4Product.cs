namespace Nabi.Runtime.Kernels;

/// <summary>Single precision products with a matrix whose numbers are stored in 4 bits: C = epilogue(A x B), B[k, j] = (q[k, j] - zero[b, j]) scale[b, j] with
/// b the block of k; q is a signed number, or an entry of a table of 16 floats.</summary>
/// <remarks>
/// <para>For few rows the numbers become floats in registers, a step that reads an eighth of the bytes of <see cref="Gemm"/>; for more, one panel at
/// a time becomes floats in scratch memory and <see cref="TileLoop"/> multiplies, with the bits <see cref="Gemm"/> would have.</para>
/// <para>An instance is immutable and may be used by several threads. Its number of workers changes no bits.</para>
/// </remarks>
internal sealed unsafe class Int4Product
{
    /// <summary>Up to so many rows are multiplied directly.</summary>
    private const int FewRows = 8;

    private readonly Int4Panels format;

    /// <summary>Prepares products.</summary>
    /// <param name="columns">Columns of B and C.</param>
    /// <param name="depth">Rows of B, columns of A; at least 1.</param>
    /// <param name="block">Numbers of a column that share a scale, at least 1; of more than the depth all do.</param>
    /// <param name="hasZeros">Whether there are zero points.</param>
    public Int4Product(int columns, int depth, int block, bool hasZeros)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(depth, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(block, 1);
        format = new Int4Panels { Columns = columns, Depth = depth, Block = Math.Min(block, depth), HasZeros = hasZeros };
    }

    /// <summary>Four-byte elements of the packed matrix.</summary>
    public long PackedSize => format.Size;

    /// <summary>Floats of scratch memory.</summary>
    public static long ScratchSize(int rows, int depth, int workers) => rows <= FewRows ? 0 : workers * PanelFloats(depth);

    /// <summary>Packs the matrix.</summary>
    /// <param name="pool">Shares the panels.</param>
    /// <param name="source">The stored numbers.</param>
    /// <param name="packed">Receives <see cref="PackedSize"/> elements.</param>
    public void Pack(WorkPool pool, in Int4Matrix source, float* packed)
    {
        ArgumentNullException.ThrowIfNull(pool);
        var kernel = new PackKernel { Format = format, Source = source, Packed = packed };
        pool.Run(ref kernel, (long)format.Columns * format.Depth);
    }

    /// <summary>C = epilogue(A x B).</summary>
    /// <param name="pool">Shares the work.</param>
    /// <param name="rows">Rows of A and C.</param>
    /// <param name="a">A.</param>
    /// <param name="aStride">Floats from one row of A to the next.</param>
    /// <param name="packed">From <see cref="Pack"/>.</param>
    /// <param name="c">C; must not overlap A.</param>
    /// <param name="cStride">Floats from one row of C to the next.</param>
    /// <param name="epilogue">Bias, residual, accumulation and activation.</param>
    /// <param name="scratch"><see cref="ScratchSize"/> floats.</param>
    /// <param name="table">16 floats that the numbers are indices of; null if they are signed numbers.</param>
    public void Run(WorkPool pool, int rows, float* a, long aStride, float* packed, float* c, long cStride, in Epilogue epilogue, float* scratch, float* table = null)
    {
        ArgumentNullException.ThrowIfNull(pool);
        if (rows == 0 || format.Columns == 0)
            return;
        if (table is null)
            Run<SignedNibbles>(pool, rows, a, aStride, packed, c, cStride, epilogue, scratch, table);
        else
            Run<TableNibbles>(pool, rows, a, aStride, packed, c, cStride, epilogue, scratch, table);
    }

    private void Run<N>(WorkPool pool, int rows, float* a, long aStride, float* packed, float* c, long cStride, in Epilogue epilogue, float* scratch, float* table)
        where N : unmanaged, INibbles
    {
        var work = (long)rows * format.Columns * format.Depth;
        if (rows <= FewRows)
        {
            var few = new Int4Rows<N> { Format = format, Packed = packed, Table = table, Rows = a, Stride = aStride, Count = rows, Sink = new FloatSink(c, cStride, epilogue) };
            pool.Run(ref few, work);
            return;
        }
        var many = new ManyRows<N>
        {
            Format = format, Packed = packed, Table = table, Source = new DenseRows(a, aStride, rows, format.Depth), Target = c, Stride = cStride, Epilogue = epilogue, Scratch = scratch,
        };
        pool.Run(ref many, work);
    }

    private static long PanelFloats(int depth) => ((long)depth * TileLoop.PanelColumns) + 16;   // workers share no line

    private struct PackKernel : IKernel
    {
        public Int4Panels Format;
        public Int4Matrix Source;
        public float* Packed;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (first, last) = WorkPool.Share(Format.Count, worker, workers);
            for (var panel = first; panel < last; panel++)
                Format.Pack(Source, panel, Packed + (panel * Format.PanelSize));
        }
    }

    /// <summary>A panel at a time becomes floats that stay in the second-level cache while all rows pass.</summary>
    private struct ManyRows<N> : IKernel
        where N : unmanaged, INibbles
    {
        public Int4Panels Format;
        public float* Packed;
        public float* Table;
        public DenseRows Source;
        public float* Target;
        public long Stride;
        public Epilogue Epilogue;
        public float* Scratch;

        public void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var width = 2 * L.Count;
            var panels = Format.Count;
            var scratch = Scratch + (worker * PanelFloats(Format.Depth));
            var byRows = TileLoop.SplitsRows((Source.Rows + TileLoop.MaxTileRows - 1) / TileLoop.MaxTileRows, panels, workers);
            var (first, last) = byRows ? (0, panels) : WorkPool.Share(panels, worker, workers);
            for (var panel = first; panel < last; panel++)
            {
                var column = panel * width;
                Format.Unpack<N, L, V>(Packed + (panel * Format.PanelSize), Table, scratch);
                var sink = new FloatSink(Target + column, Stride, Epilogue with
                {
                    Bias = Epilogue.Bias is null ? null : Epilogue.Bias + column,
                    Residual = Epilogue.Residual is null ? null : Epilogue.Residual + column,
                });
                TileLoop.Run<L, V, DenseRows, FloatSink>(ref Source, scratch, Math.Min(width, Format.Columns - column), ref sink, byRows ? worker : 0, byRows ? workers : 1);
            }
        }
    }
}
