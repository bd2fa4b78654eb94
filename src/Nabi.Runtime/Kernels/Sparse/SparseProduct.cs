using Nabi.Runtime.Emit;

namespace Nabi.Runtime.Kernels;

/// <summary>Single precision products with a constant matrix of many zeros, C = epilogue(A x B), by its single numbers.</summary>
/// <remarks>
/// <para>Rows of A (pixels) are transposed so that they lie in the lanes, then every number of B that is not zero is multiplied with them and the sums are
/// transposed back: E. Elsen, M. Dukhan, T. Gale, K. Simonyan, "Fast Sparse ConvNets" (2020), here for channels-last images, by a <see cref="SparseMatrix"/>.</para>
/// <para>Zeros of B are never multiplied, so that an infinity in A times a zero is nothing rather than not a number.</para>
/// <para>A result is one chain of multiply-adds over its column's numbers in code, and the sum of two, of the even and the odd ones, else: neither the number of
/// workers nor the place of a row changes bits. An instance is immutable and may be used by several threads.</para>
/// </remarks>
internal sealed unsafe class SparseProduct
{
    /// <summary>Bytes of transposed tiles that stay in the first-level cache.</summary>
    private const int TileBytes = 40 * 1024;

    /// <summary>Tiles of a block for code that does not stay there.</summary>
    private const int ManyTiles = 16;

    private readonly SparsePattern pattern;
    private readonly SparseMatrix matrix;
    private readonly int registers;

    /// <summary>Prepares products.</summary>
    /// <param name="pattern">Where B is not zero.</param>
    /// <param name="emits">Whether it may be compiled into code; else it never is.</param>
    public SparseProduct(SparsePattern pattern, bool emits = true)
    {
        this.pattern = pattern;
        var lanes = Simd.Lanes * sizeof(float);
        var bytes = (long)pattern.Depth * lanes;
        if (emits && SparseMatrix.AsCode(pattern, row => row * lanes) is { } code)
        {
            matrix = code;
            registers = Math.Max(SparseMatrix.IsFar(pattern) ? ManyTiles : 1, (int)Math.Min(ManyTiles, TileBytes / bytes));
            return;
        }
        registers = bytes * 4 > TileBytes && bytes * 2 <= TileBytes ? 2 : SparseTiles.Registers;   // what is too large anyway may as well be read less often
        matrix = SparseMatrix.AsLists(pattern, row => checked(row * registers * lanes));
    }

    /// <summary>Floats of the packed matrix.</summary>
    public long PackedSize => matrix.PackedSize;

    /// <summary>Floats of scratch memory.</summary>
    /// <param name="workers">Size of the pool.</param>
    public long ScratchSize(int workers) => workers * matrix.WorkerScratch(BlockSize, registers);

    /// <summary>Registers of pixels that are multiplied together; fewer take hardly less time.</summary>
    public static int RegistersTogether => Simd.Lanes == SparseCode.Width ? 1 : SparseTiles.Registers;

    /// <summary>Bytes that each worker reads from beyond the second-level cache: see <see cref="SparseMatrix.FarBytesRead"/>.</summary>
    /// <param name="pattern">Where B is not zero.</param>
    /// <param name="rows">Rows of A.</param>
    /// <param name="workers">Size of the pool.</param>
    public static long FarBytesRead(SparsePattern pattern, int rows, int workers) =>
        SparseMatrix.FarBytesRead(pattern, (rows + Simd.Lanes - 1) / Simd.Lanes, Simd.Lanes == SparseCode.Width ? ManyTiles : SparseTiles.Registers, workers);

    private int TileSize => (pattern.Depth + Simd.Lanes) * Simd.Lanes;

    private long BlockSize => (long)TileSize * registers;

    /// <summary>Packs the matrix.</summary>
    /// <param name="b">The matrix, with zeros where the pattern has them.</param>
    /// <param name="columnStride">Floats from one column to the next.</param>
    /// <param name="depthStride">Floats from one row to the next.</param>
    /// <param name="packed">Receives <see cref="PackedSize"/> floats.</param>
    public void Pack(float* b, long columnStride, long depthStride, float* packed) => matrix.Pack(b, columnStride, depthStride, packed);

    /// <summary>C = epilogue(A x B).</summary>
    /// <param name="pool">Shares the work by rows, or by columns where rows are few.</param>
    /// <param name="rows">Rows of A and C.</param>
    /// <param name="a">A.</param>
    /// <param name="aStride">Floats from one row of A to the next.</param>
    /// <param name="packed">From <see cref="Pack"/>.</param>
    /// <param name="c">C; must not overlap A.</param>
    /// <param name="cStride">Floats from one row of C to the next.</param>
    /// <param name="epilogue">Bias, residual, accumulation and activation.</param>
    /// <param name="scratch"><see cref="ScratchSize"/> floats.</param>
    public void Run(WorkPool pool, int rows, float* a, long aStride, float* packed, float* c, long cStride, in Epilogue epilogue, float* scratch)
    {
        ArgumentNullException.ThrowIfNull(pool);
        if (rows == 0)
            return;
        var source = new TurnedRows(a, aStride, rows, pattern.Depth)
        {
            TileStep = matrix.IsCode ? TileSize : Simd.Lanes,
            NumberStep = matrix.IsCode ? Simd.Lanes : registers * Simd.Lanes,
        };
        matrix.Run(pool, source, packed, new SparseRows(c, cStride, epilogue), scratch, BlockSize, registers, registers);
    }
}
