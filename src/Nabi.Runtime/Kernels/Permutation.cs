namespace Nabi.Runtime.Kernels;

/// <summary>Copies that reorder axes.</summary>
public static unsafe class Permutation
{
    private const int Tile = 16;

    /// <summary>y[b, c, r] = x[b, r, c]. NCHW to NHWC is (N, C, H * W); back is (N, H * W, C).</summary>
    /// <typeparam name="T">Element type.</typeparam>
    /// <param name="pool">Shares the work.</param>
    /// <param name="batch">Matrices.</param>
    /// <param name="rows">Rows of an input matrix.</param>
    /// <param name="columns">Columns of an input matrix.</param>
    /// <param name="x">Input.</param>
    /// <param name="y">Output; must not overlap the input.</param>
    public static void Transpose<T>(WorkPool pool, int batch, int rows, int columns, T* x, T* y)
        where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(pool);
        var kernel = new TransposeKernel<T> { Batch = batch, Rows = rows, Columns = columns, X = x, Y = y };
        pool.Run(ref kernel, (long)batch * rows * columns);
    }

    /// <summary>y = x with output axis i taken from input axis <c>permutation[i]</c>.</summary>
    /// <typeparam name="T">Element type.</typeparam>
    /// <param name="pool">Shares the work.</param>
    /// <param name="shape">Shape of the input, at most <see cref="Elementwise.MaxRank"/> axes.</param>
    /// <param name="permutation">Input axis of each output axis.</param>
    /// <param name="x">Input, contiguous.</param>
    /// <param name="y">Output, contiguous; must not overlap the input.</param>
    /// <exception cref="ArgumentException">The permutation is not one, or the rank is too large.</exception>
    public static void Permute<T>(WorkPool pool, ReadOnlySpan<long> shape, ReadOnlySpan<int> permutation, T* x, T* y)
        where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(pool);
        var rank = shape.Length;
        if (rank > Elementwise.MaxRank || permutation.Length != rank)
            throw new ArgumentException($"A permutation has one entry per axis, at most {Elementwise.MaxRank}.", nameof(permutation));
        Span<long> strides = stackalloc long[rank], sizes = stackalloc long[rank], moved = stackalloc long[rank];
        long stride = 1;
        for (var i = rank - 1; i >= 0; i--)
        {
            strides[i] = stride;
            stride *= shape[i];
        }
        var seen = 0;
        for (var i = 0; i < rank; i++)
        {
            var axis = permutation[i];
            if ((uint)axis >= (uint)rank || (seen & (1 << axis)) != 0)
                throw new ArgumentException("The axes of a permutation are 0 to rank - 1, each once.", nameof(permutation));
            seen |= 1 << axis;
            sizes[i] = shape[axis];
            moved[i] = strides[axis];
        }
        var kernel = new PermuteKernel<T> { Walk = StridedWalk.Of(sizes, moved, moved), X = x, Y = y };
        if (kernel.Walk.IsTranspose(out var batch, out var rows, out var columns))
            Transpose(pool, batch, rows, columns, x, y);
        else if (kernel.Walk.Count > 0)
            pool.Run(ref kernel, kernel.Walk.Count);
    }

    private struct TransposeKernel<T> : IKernel
        where T : unmanaged
    {
        public int Batch;
        public int Rows;
        public int Columns;
        public T* X;
        public T* Y;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            // Work is a strip of sixteen output rows (input columns).
            var strips = (Columns + Tile - 1) / Tile;
            var (first, last) = StridedWalk.Share((long)Batch * strips * Tile, worker, workers);
            for (var s = first / Tile; s < last / Tile; s++)
            {
                var (b, strip) = Math.DivRem(s, strips);
                var source = X + (b * Rows * Columns);
                var target = Y + (b * Rows * Columns);
                var columnEnd = (int)Math.Min(Columns, (strip + 1) * Tile);
                for (var row = 0; row < Rows; row += Tile)
                {
                    var rowEnd = Math.Min(Rows, row + Tile);
                    for (var c = (int)strip * Tile; c < columnEnd; c++)
                    {
                        var line = target + ((long)c * Rows);
                        for (var r = row; r < rowEnd; r++)
                            line[r] = source[((long)r * Columns) + c];
                    }
                }
            }
        }
    }

    private struct PermuteKernel<T> : IKernel
        where T : unmanaged
    {
        public StridedWalk Walk;
        public T* X;
        public T* Y;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (at, end) = StridedWalk.Share(Walk.Count, worker, workers);
            var step = Walk.InnerA;
            while (at < end)
            {
                Walk.Locate(at, out var offset, out _, out var left);
                var run = Math.Min(left, end - at);
                var source = X + offset;
                if (step == 1)
                {
                    Buffer.MemoryCopy(source, Y + at, run * sizeof(T), run * sizeof(T));
                }
                else
                {
                    for (long i = 0; i < run; i++)
                        Y[at + i] = source[i * step];
                }
                at += run;
            }
        }
    }
}
