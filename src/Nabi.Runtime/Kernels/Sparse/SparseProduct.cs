using Nabi.Runtime.Emit;

namespace Nabi.Runtime.Kernels;

/// <summary>Single precision products with a constant matrix of many zeros, C = epilogue(A x B), by its single numbers.</summary>
/// <remarks>
/// <para>Rows of A (pixels) are transposed so that they lie in the lanes, then every number of B that is not zero is multiplied with them and the sums are
/// transposed back: E. Elsen, M. Dukhan, T. Gale, K. Simonyan, "Fast Sparse ConvNets" (2020), here for channels-last images. With registers of 16
/// lanes on x64 the places of the numbers are compiled into code (<see cref="SparseCode"/>), else a column of B after the other is read from a list.</para>
/// <para>Zeros of B are never multiplied, so that an infinity in A times a zero is nothing rather than not a number.</para>
/// <para>A result is one chain of multiply-adds over its column's numbers in code, and the sum of two, of the even and the odd ones, else: neither the number of
/// workers nor the place of a row changes bits. An instance is immutable and may be used by several threads.</para>
/// </remarks>
internal sealed unsafe class SparseProduct
{
    /// <summary>Bytes of transposed tiles that stay in the first-level cache.</summary>
    private const int TileBytes = 40 * 1024;

    /// <summary>More places and numbers than that do not stay in the second-level cache: they are to be read less often.</summary>
    private const int FarBytes = 640 * 1024;

    /// <summary>Tiles of a block for code that does not stay there.</summary>
    private const int ManyTiles = 16;

    private readonly SparsePattern pattern;
    private readonly SparseCode? code;
    private readonly int registers;
    private readonly uint[] offsets = [];

    /// <summary>Prepares products.</summary>
    /// <param name="pattern">Where B is not zero.</param>
    /// <param name="emits">Whether it may be compiled into code; else it never is.</param>
    public SparseProduct(SparsePattern pattern, bool emits = true)
    {
        this.pattern = pattern;
        code = emits && Simd.Lanes == SparseCode.Width ? SparseCode.Of(pattern) : null;
        var bytes = (long)pattern.Depth * Simd.Lanes * sizeof(float);
        if (code is not null)
        {
            registers = Math.Max(BytesOf(pattern) > FarBytes ? ManyTiles : 1, (int)Math.Min(ManyTiles, TileBytes / bytes));
            return;
        }
        registers = bytes * 4 > TileBytes && bytes * 2 <= TileBytes ? 2 : SparseTiles.Registers;   // what is too large anyway may as well be read less often
        offsets = new uint[pattern.Count];
        for (var i = 0; i < offsets.Length; i++) offsets[i] = checked((uint)((long)pattern.RowAt(i) * registers * Simd.Lanes * sizeof(float)));
    }

    /// <summary>Floats of the packed matrix.</summary>
    public long PackedSize => Math.Max(1, pattern.Count);

    /// <summary>Floats of scratch memory.</summary>
    /// <param name="workers">Size of the pool.</param>
    public long ScratchSize(int workers) => workers * WorkerScratch;

    /// <summary>Registers of pixels that are multiplied together; fewer take hardly less time.</summary>
    public static int RegistersTogether => Simd.Lanes == SparseCode.Width ? 1 : SparseTiles.Registers;

    /// <summary>Bytes that each worker reads from beyond the second-level cache: the places of numbers, as code or as lists, and the numbers; 0 if they stay in it.</summary>
    /// <param name="pattern">Where B is not zero.</param>
    /// <param name="rows">Rows of A.</param>
    /// <param name="workers">Size of the pool.</param>
    public static long FarBytesRead(SparsePattern pattern, int rows, int workers)
    {
        var bytes = BytesOf(pattern);
        if (bytes <= FarBytes)
            return 0;
        var (groups, block) = ((rows + Simd.Lanes - 1) / Simd.Lanes, Simd.Lanes == SparseCode.Width ? ManyTiles : SparseTiles.Registers);
        var byRows = groups >= workers;
        var passes = ((byRows ? (groups + workers - 1) / workers : groups) + block - 1) / block;
        return passes * bytes / (byRows ? 1 : workers);
    }

    private static long BytesOf(SparsePattern pattern) =>
        (long)pattern.Count * sizeof(float) + (Simd.Lanes == SparseCode.Width ? SparseCode.SizeOf(pattern) : (long)pattern.Count * sizeof(uint));

    private int TileSize => (pattern.Depth + Simd.Lanes) * Simd.Lanes;

    private long WorkerScratch => ((long)TileSize + (code is null ? 0 : Simd.Lanes * Simd.Lanes)) * registers;

    /// <summary>Packs the matrix.</summary>
    /// <param name="b">The matrix, with zeros where the pattern has them.</param>
    /// <param name="columnStride">Floats from one column to the next.</param>
    /// <param name="depthStride">Floats from one row to the next.</param>
    /// <param name="packed">Receives <see cref="PackedSize"/> floats.</param>
    public void Pack(float* b, long columnStride, long depthStride, float* packed)
    {
        if (code is not null)
        {
            foreach (var (row, column) in SparseCode.Order(pattern)) *packed++ = b[(column * columnStride) + (row * depthStride)];
            return;
        }
        for (var column = 0; column < pattern.Columns; column++)
            foreach (var row in pattern.RowsOf(column)) *packed++ = b[(column * columnStride) + (row * depthStride)];
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
    /// <param name="scratch"><see cref="ScratchSize"/> floats.</param>
    public void Run(WorkPool pool, int rows, float* a, long aStride, float* packed, float* c, long cStride, in Epilogue epilogue, float* scratch)
    {
        ArgumentNullException.ThrowIfNull(pool);
        if (rows == 0)
            return;
        var source = new TurnedRows(a, aStride, rows, pattern.Depth);
        var sink = new SparseRows(c, cStride, epilogue);
        var work = rows * Math.Max(1L, pattern.Count);
        fixed (uint* first = offsets)
        fixed (int* starts = pattern.Starts)
        {
            if (code is null)
            {
                var kernel = new SparseKernel
                {
                    Columns = pattern.Columns, Starts = starts, Offsets = first, Values = packed, Registers = registers,
                    Source = source, Sink = sink, Scratch = scratch, WorkerScratch = WorkerScratch,
                };
                pool.Run(ref kernel, work);
                return;
            }
            var emitted = new EmittedSparseKernel
            {
                Code = code.Entries, Parts = code.Parts, Columns = pattern.Columns, Values = packed,
                Source = source, BlockTiles = registers, TileSize = TileSize, Sink = sink, Scratch = scratch, WorkerScratch = WorkerScratch,
            };
            pool.Run(ref emitted, work);
            GC.KeepAlive(code);
        }
    }
}
