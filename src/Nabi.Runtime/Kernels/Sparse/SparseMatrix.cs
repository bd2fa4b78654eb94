using Nabi.Runtime.Emit;

namespace Nabi.Runtime.Kernels;

/// <summary>A constant matrix of many zeros in the form in which it is multiplied with pixels in lanes: as code, or as lists of places.</summary>
/// <remarks>
/// <para>With registers of 16 lanes on x64 the places of the numbers are compiled into code (<see cref="SparseCode"/>), else a column after the other is read
/// from a list. The numbers themselves are packed apart, so that scaling them changes neither.</para>
/// <para>An instance is immutable and may be used by several threads.</para>
/// </remarks>
internal sealed unsafe class SparseMatrix
{
    /// <summary>More places and numbers than that do not stay in the second-level cache: they are to be read less often.</summary>
    private const int FarBytes = 640 * 1024;

    private readonly SparsePattern pattern;
    private readonly SparseCode? code;
    private readonly uint[] offsets;

    private SparseMatrix(SparsePattern pattern, SparseCode? code, uint[] offsets) => (this.pattern, this.code, this.offsets) = (pattern, code, offsets);

    /// <summary>The matrix as code; null where none is emitted.</summary>
    /// <param name="pattern">Where it is not zero.</param>
    /// <param name="offsetOf">Bytes from a tile of pixels to those that a row of the matrix is multiplied with.</param>
    public static SparseMatrix? AsCode(SparsePattern pattern, Func<int, int> offsetOf) =>
        Simd.Lanes == SparseCode.Width && SparseCode.Of(pattern, offsetOf) is { } code ? new SparseMatrix(pattern, code, []) : null;

    /// <summary>The matrix as lists.</summary>
    /// <param name="pattern">Where it is not zero.</param>
    /// <param name="offsetOf">Bytes from a tile of pixels to those that a row of the matrix is multiplied with.</param>
    public static SparseMatrix AsLists(SparsePattern pattern, Func<int, int> offsetOf)
    {
        var found = new uint[pattern.Count];
        for (var i = 0; i < found.Length; i++) found[i] = (uint)offsetOf(pattern.RowAt(i));
        return new SparseMatrix(pattern, null, found);
    }

    /// <summary>Whether it is code.</summary>
    public bool IsCode => code is not null;

    /// <summary>Whether places and numbers are too many to stay in the second-level cache.</summary>
    public static bool IsFar(SparsePattern pattern) => BytesOf(pattern) > FarBytes;

    /// <summary>Bytes that each worker reads from beyond the second-level cache: the places of numbers, as code or as lists, and the numbers; 0 if they stay in it.</summary>
    /// <param name="pattern">Where the matrix is not zero.</param>
    /// <param name="registers">Registers of pixels.</param>
    /// <param name="blockTiles">Most registers of a block.</param>
    /// <param name="workers">Size of the pool.</param>
    public static long FarBytesRead(SparsePattern pattern, int registers, int blockTiles, int workers)
    {
        if (!IsFar(pattern))
            return 0;
        var byRows = registers >= workers;
        var passes = ((byRows ? (registers + workers - 1) / workers : registers) + blockTiles - 1) / blockTiles;
        return passes * BytesOf(pattern) / (byRows ? 1 : workers);
    }

    private static long BytesOf(SparsePattern pattern) =>
        (long)pattern.Count * sizeof(float) + (Simd.Lanes == SparseCode.Width ? SparseCode.SizeOf(pattern) : (long)pattern.Count * sizeof(uint));

    /// <summary>Floats of the packed numbers.</summary>
    public long PackedSize => Math.Max(1, pattern.Count);

    /// <summary>Floats of scratch memory of a worker: the tiles of a block, and the sums that code leaves of each.</summary>
    /// <param name="blockSize">Floats of the tiles of a block.</param>
    /// <param name="blockTiles">Most tiles of a block.</param>
    public long WorkerScratch(long blockSize, int blockTiles) => blockSize + (code is null ? 0 : blockTiles * Simd.Lanes * Simd.Lanes);

    /// <summary>Packs the numbers.</summary>
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

    /// <summary>Multiplies.</summary>
    /// <param name="pool">Shares the work by pixels, or by columns where those are few.</param>
    /// <param name="source">The pixels.</param>
    /// <param name="packed">From <see cref="Pack"/>.</param>
    /// <param name="sink">What is done with the sums.</param>
    /// <param name="scratch"><see cref="WorkerScratch"/> floats for each worker.</param>
    /// <param name="blockSize">Floats of the tiles of a block.</param>
    /// <param name="blockTiles">Most tiles of a block.</param>
    /// <param name="together">Tiles that lists multiply together.</param>
    public void Run<TSource>(WorkPool pool, in TSource source, float* packed, in SparseRows sink, float* scratch, long blockSize, int blockTiles, int together)
        where TSource : unmanaged, ISparseSource
    {
        var work = source.Registers(Simd.Lanes) * Simd.Lanes * Math.Max(1L, pattern.Count);
        fixed (uint* first = offsets)
        fixed (int* starts = pattern.Starts)
        {
            if (code is null)
            {
                var kernel = new SparseKernel<TSource>
                {
                    Columns = pattern.Columns, Starts = starts, Offsets = first, Values = packed, Together = together, BlockTiles = blockTiles,
                    Source = source, Sink = sink, Scratch = scratch, WorkerScratch = WorkerScratch(blockSize, blockTiles),
                };
                pool.Run(ref kernel, work);
                return;
            }
            var emitted = new EmittedSparseKernel<TSource>
            {
                Code = code.Entries, Parts = code.Parts, Columns = pattern.Columns, Values = packed, BlockTiles = blockTiles, BlockSize = blockSize,
                Source = source, Sink = sink, Scratch = scratch, WorkerScratch = WorkerScratch(blockSize, blockTiles),
            };
            pool.Run(ref emitted, work);
            GC.KeepAlive(code);
        }
    }
}
