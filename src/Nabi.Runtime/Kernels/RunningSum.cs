namespace Nabi.Runtime.Kernels;

/// <summary>Running sums along the middle one of three groups of axes.</summary>
internal static unsafe class RunningSum
{
    /// <summary>y[o, i, c] = sum of x[o, j, c] over j up to i.</summary>
    /// <param name="pool">Shares the outer elements, or when they are few the inner ones.</param>
    /// <param name="extent">Sizes and direction.</param>
    /// <param name="x">Input.</param>
    /// <param name="y">Output; must not overlap the input.</param>
    public static void Run(WorkPool pool, Extent extent, float* x, float* y)
    {
        var kernel = new Kernel { Extent = extent, X = x, Y = y };
        pool.Run(ref kernel, (long)extent.Outer * extent.Length * extent.Inner);
    }

    /// <summary>Sizes and direction of running sums.</summary>
    /// <param name="Outer">Elements of the axes before.</param>
    /// <param name="Length">Terms.</param>
    /// <param name="Inner">Elements of the axes after.</param>
    /// <param name="IsExclusive">Is an element left out of its own sum?</param>
    /// <param name="IsReverse">Is it summed from the end?</param>
    internal readonly record struct Extent(int Outer, int Length, int Inner, bool IsExclusive, bool IsReverse);

    private struct Kernel : IKernel
    {
        public Extent Extent;
        public float* X;
        public float* Y;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var shares = Extent.Outer >= workers;
            var (first, last) = shares ? WorkPool.Share(Extent.Outer, worker, workers) : (0, Extent.Outer);
            var (start, end) = shares ? (0, Extent.Inner) : WorkPool.ShareLines(Extent.Inner, worker, workers);
            for (var outer = first; outer < last; outer++)
            {
                var offset = (long)outer * Extent.Length * Extent.Inner;
                if (Extent.Inner == 1 && end > start) Line(X + offset, Y + offset);
                else if (end > start) Columns<L, V>(X + offset, Y + offset, start, end);
            }
        }

        private readonly void Line(float* x, float* y)
        {
            var sum = 0.0;
            for (var i = 0; i < Extent.Length; i++)
            {
                var at = Extent.IsReverse ? Extent.Length - 1 - i : i;
                var next = sum + x[at];
                y[at] = (float)(Extent.IsExclusive ? sum : next);
                sum = next;
            }
        }

        private readonly void Columns<L, V>(float* x, float* y, long start, long end)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var step = Extent.IsReverse ? -Extent.Inner : Extent.Inner;
            for (var i = 0; i < Extent.Length; i++)
            {
                var at = (long)(Extent.IsReverse ? Extent.Length - 1 - i : i) * Extent.Inner;
                for (var c = start; c < end; c += L.Count)
                {
                    var left = end - c;
                    V sum = L.Fill(0f);
                    if (i > 0) sum = Simd.Load<L, V>(y + at - step + c, left);
                    if (!Extent.IsExclusive) sum = L.Add(sum, Simd.Load<L, V>(x + at + c, left));
                    else if (i > 0) sum = L.Add(sum, Simd.Load<L, V>(x + at - step + c, left));
                    Simd.Store<L, V>(sum, y + at + c, left);
                }
            }
        }
    }
}
