namespace Nabi.Runtime.Kernels;

/// <summary>Single precision matrix products C = epilogue(A x B), row-major with row strides in floats.</summary>
/// <remarks>
/// B is packed into panels of <c>2 * Simd.Lanes</c> columns, each [K][panel], the last filled with zeros. A is read in place. Every
/// element of C is one chain of multiply-adds over k, in blocks that depend on K alone: the number of workers changes nothing.
/// </remarks>
public static unsafe class Gemm
{
    /// <summary>Floats of the packed form of a matrix B with <paramref name="k"/> rows and <paramref name="n"/> columns.</summary>
    /// <exception cref="OverflowException">The size does not fit 63 bits.</exception>
    public static long PackedSize(int n, int k) => checked(PanelCount(n) * k * TileLoop.PanelColumns);

    /// <summary>Packs B.</summary>
    /// <param name="pool">Shares the work.</param>
    /// <param name="n">Columns of B.</param>
    /// <param name="k">Rows of B.</param>
    /// <param name="b">B: element (k, n) at <c>b[k * stride + n]</c>, or at <c>b[n * stride + k]</c> if transposed.</param>
    /// <param name="stride">Floats from one stored row to the next.</param>
    /// <param name="transposed">Whether the stored rows are the columns of B.</param>
    /// <param name="packed">Receives <see cref="PackedSize"/> floats.</param>
    public static void Pack(WorkPool pool, int n, int k, float* b, long stride, bool transposed, float* packed)
    {
        ArgumentNullException.ThrowIfNull(pool);
        var kernel = new PackKernel
        {
            N = n, K = k, Source = b, Packed = packed,
            DepthStride = transposed ? 1 : stride, ColumnStride = transposed ? stride : 1,
        };
        pool.Run(ref kernel, (long)n * k);
    }

    /// <summary>C = epilogue(A x B) with B packed.</summary>
    /// <param name="pool">Shares the work by rows or by panels.</param>
    /// <param name="m">Rows of A and C.</param>
    /// <param name="n">Columns of B and C.</param>
    /// <param name="k">Columns of A, rows of B; 0 gives epilogue(0).</param>
    /// <param name="a">A, m x k.</param>
    /// <param name="aStride">Floats from one row of A to the next.</param>
    /// <param name="packedB">From <see cref="Pack"/>.</param>
    /// <param name="c">C, m x n; must not overlap A or B.</param>
    /// <param name="cStride">Floats from one row of C to the next.</param>
    /// <param name="epilogue">Bias, residual, accumulation and activation.</param>
    public static void Run(
        WorkPool pool, int m, int n, int k, float* a, long aStride, float* packedB, float* c, long cStride, in Epilogue epilogue)
    {
        ArgumentNullException.ThrowIfNull(pool);
        if (m == 0 || n == 0)
            return;
        var kernel = new TileKernel<DenseRows, FloatSink>
        {
            Source = new DenseRows(a, aStride, m, k),
            Packed = packedB,
            Columns = n,
            Sink = new FloatSink(c, cStride, epilogue),
        };
        pool.Run(ref kernel, (long)m * n * Math.Max(1, k));
    }

    /// <summary>C = epilogue(A x B) for a B that changes from run to run: packs B into <paramref name="scratch"/> first.</summary>
    /// <param name="pool">Shares the work.</param>
    /// <param name="m">Rows of A and C.</param>
    /// <param name="n">Columns of B and C.</param>
    /// <param name="k">Columns of A, rows of B.</param>
    /// <param name="a">A, m x k.</param>
    /// <param name="aStride">Floats from one row of A to the next.</param>
    /// <param name="b">B, stored k x n, or n x k if <paramref name="transposedB"/>.</param>
    /// <param name="bStride">Floats from one stored row of B to the next.</param>
    /// <param name="transposedB">Whether B is stored n x k.</param>
    /// <param name="c">C, m x n; must not overlap A, B or scratch.</param>
    /// <param name="cStride">Floats from one row of C to the next.</param>
    /// <param name="epilogue">Bias, residual, accumulation and activation.</param>
    /// <param name="scratch"><see cref="PackedSize"/> floats.</param>
    public static void Run(
        WorkPool pool, int m, int n, int k, float* a, long aStride, float* b, long bStride, bool transposedB, float* c, long cStride,
        in Epilogue epilogue, float* scratch)
    {
        Pack(pool, n, k, b, bStride, transposedB, scratch);
        Run(pool, m, n, k, a, aStride, scratch, c, cStride, epilogue);
    }

    /// <summary>Floats of scratch memory for <see cref="RunTransposed"/>.</summary>
    /// <param name="n">Columns of C.</param>
    /// <param name="workers">Size of the pool.</param>
    public static long TransposedScratchSize(int n, int workers) => DepthLoop.ScratchSize(n) * workers;

    /// <summary>C = A^T x B (or C += A^T x B), the product of a weight gradient: reduction over the stored rows of both operands.</summary>
    /// <param name="pool">Shares the rows of C.</param>
    /// <param name="m">Columns of A, rows of C.</param>
    /// <param name="n">Columns of B and C.</param>
    /// <param name="k">Rows of A and B.</param>
    /// <param name="a">A, k x m.</param>
    /// <param name="aStride">Floats from one row of A to the next.</param>
    /// <param name="b">B, k x n.</param>
    /// <param name="bStride">Floats from one row of B to the next.</param>
    /// <param name="c">C, m x n.</param>
    /// <param name="cStride">Floats from one row of C to the next.</param>
    /// <param name="epilogue">Bias, residual, accumulation and activation.</param>
    /// <param name="scratch"><see cref="TransposedScratchSize"/> floats.</param>
    public static void RunTransposed(
        WorkPool pool, int m, int n, int k, float* a, long aStride, float* b, long bStride, float* c, long cStride, in Epilogue epilogue, float* scratch)
    {
        ArgumentNullException.ThrowIfNull(pool);
        if (m == 0 || n == 0)
            return;
        var kernel = new DepthKernel<TransposedRows>
        {
            Source = new TransposedRows(a, aStride, m, k), B = b, Stride = bStride, Columns = n, Sink = new FloatSink(c, cStride, epilogue), Scratch = scratch,
        };
        pool.Run(ref kernel, (long)m * n * Math.Max(1, k));
    }

    /// <summary>One dense product by one worker: packs B, then multiplies.</summary>
    internal static void RunPacking<L, V>(int m, int n, int k, float* a, float* b, bool transposedB, FloatSink sink, float* scratch)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        if (m == 0 || n == 0)
            return;
        new PackKernel { N = n, K = k, Source = b, Packed = scratch, DepthStride = transposedB ? 1 : n, ColumnStride = transposedB ? k : 1 }.Run<L, V>(0, 1);
        new TileKernel<DenseRows, FloatSink> { Source = new DenseRows(a, k, m, k), Packed = scratch, Columns = n, Sink = sink }.Run<L, V>(0, 1);
    }

    /// <summary>One dense product A^T x B by one worker.</summary>
    internal static void RunTransposed<L, V>(int m, int n, int k, float* a, float* b, FloatSink sink, float* scratch)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        if (m == 0 || n == 0)
            return;
        new DepthKernel<TransposedRows> { Source = new TransposedRows(a, m, m, k), B = b, Stride = n, Columns = n, Sink = sink, Scratch = scratch }.Run<L, V>(0, 1);
    }

    private static long PanelCount(int n) => ((long)n + TileLoop.PanelColumns - 1) / TileLoop.PanelColumns;

    private struct PackKernel : IKernel
    {
        public int N;
        public int K;
        public float* Source;
        public long DepthStride;
        public long ColumnStride;
        public float* Packed;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var width = 2 * L.Count;
            var (first, last) = WorkPool.Share((int)PanelCount(N), worker, workers);
            for (var panel = first; panel < last; panel++)
            {
                var target = Packed + ((long)panel * K * width);
                var source = Source + (panel * width * ColumnStride);
                PanelPacking.Pack(source, DepthStride, ColumnStride, K, Math.Min(width, N - (panel * width)), width, target);
            }
        }
    }
}
