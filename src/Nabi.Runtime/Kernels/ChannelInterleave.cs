namespace Nabi.Runtime.Kernels;

/// <summary>Two images of equal channels as one whose channels are theirs in turn: a concatenation and a shuffle of two groups in one pass.</summary>
internal static unsafe class ChannelInterleave
{
    /// <summary>target[row][2 i] = a[row][i], target[row][2 i + 1] = b[row][i].</summary>
    /// <param name="pool">Shares the rows.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="count">Channels of each source.</param>
    /// <param name="a">The first source; its rows may be part of wider ones.</param>
    /// <param name="b">The second.</param>
    /// <param name="target">[rows, 2 count]; must not overlap the sources.</param>
    public static void Run(WorkPool pool, int rows, int count, PixelRows a, PixelRows b, float* target)
    {
        var kernel = new Kernel { Rows = rows, Count = count, A = a, B = b, Target = target };
        pool.Run(ref kernel, 2L * rows * count);
    }

    private struct Kernel : IKernel
    {
        public int Rows;
        public int Count;
        public PixelRows A;
        public PixelRows B;
        public float* Target;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (first, last) = WorkPool.Share(Rows, worker, workers);
            var count = Count;
            for (var row = first; row < last; row++)
            {
                float* a = A[row], b = B[row], target = Target + (2L * row * count);
                var i = 0;
                for (; i <= count - L.Count; i += L.Count) L.StorePairs(L.Load(a + i), L.Load(b + i), target + (2 * i));
                for (; i < count; i++) (target[2 * i], target[(2 * i) + 1]) = (a[i], b[i]);
            }
        }
    }
}

/// <summary>Rows of channels.</summary>
/// <param name="start">The first channel of the first row.</param>
/// <param name="stride">Floats from one row to the next.</param>
internal readonly unsafe struct PixelRows(float* start, long stride)
{
    public float* this[int row] => start + (row * stride);
}
