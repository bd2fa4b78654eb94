using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>Sums over the middle axis of [outer, reduced, inner] or over the outer and inner axes of [reduced, kept, reduced].</summary>
/// <remarks>Long sums are added in stretches, so that the rounding error grows with the number of stretches, not of terms.</remarks>
internal static unsafe class AxisSum
{
    private const int Stretch = 128;

    /// <summary>to[o, i] = scale * sum over r of from[o, r, i].</summary>
    /// <param name="pool">Shares the work.</param>
    /// <param name="from">[outer, reduced, inner].</param>
    /// <param name="to">[outer, inner].</param>
    /// <param name="outer">Kept outer size.</param>
    /// <param name="reduced">Summed size.</param>
    /// <param name="inner">Kept inner size.</param>
    /// <param name="scale">Factor of every sum.</param>
    /// <param name="scratch"><see cref="ScratchSize"/> floats.</param>
    public static void Middle(WorkPool pool, float* from, float* to, int outer, int reduced, int inner, float scale, float* scratch)
    {
        var kernel = new MiddleKernel { From = from, To = to, Outer = outer, Reduced = reduced, Inner = inner, Scale = scale, Scratch = scratch };
        kernel.SplitsReduced = outer < pool.Workers;
        pool.Run(ref kernel, (long)outer * reduced * inner);
        if (!kernel.SplitsReduced) return;
        // A run too small to share used one worker, and one partial sum.
        var parts = (int)scratch[0];
        for (long i = 0; i < (long)outer * inner; i++)
        {
            var sum = 0f;
            for (var p = 0; p < parts; p++) sum += scratch[16 + (p * (long)outer * inner) + i];
            to[i] = sum * scale;
        }
    }

    /// <summary>Floats of scratch memory for <see cref="Middle"/>.</summary>
    public static long ScratchSize(int workers, int outer, int inner) => 16 + ((long)workers * outer * inner);

    /// <summary>to[k] = scale * sum over r and s of from[r, k, s].</summary>
    public static void Sides(WorkPool pool, float* from, float* to, int outer, int kept, int inner, float scale)
    {
        var kernel = new SidesKernel { From = from, To = to, Outer = outer, Kept = kept, Inner = inner, Scale = scale };
        pool.Run(ref kernel, (long)outer * kept * inner);
    }

    private struct MiddleKernel : IKernel
    {
        public float* From;
        public float* To;
        public float* Scratch;
        public int Outer;
        public int Reduced;
        public int Inner;
        public float Scale;
        public bool SplitsReduced;

        public void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            if (SplitsReduced)
            {
                if (worker == 0) Scratch[0] = workers;
                var (first, last) = WorkPool.Share(Reduced, worker, workers);
                var part = Scratch + 16 + (worker * (long)Outer * Inner);
                for (var o = 0; o < Outer; o++)
                    One<L, V>(From + ((((long)o * Reduced) + first) * Inner), last - first, part + ((long)o * Inner), 1f);
                return;
            }
            var (start, end) = WorkPool.Share(Outer, worker, workers);
            for (var o = start; o < end; o++)
                One<L, V>(From + ((long)o * Reduced * Inner), Reduced, To + ((long)o * Inner), Scale);
        }

        private readonly void One<L, V>(float* from, int rows, float* to, float scale)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            if (Inner == 1)
            {
                *to = Row<L, V>(from, rows) * scale;
                return;
            }
            var i = 0;
            for (; i <= Inner - L.Count; i += L.Count) L.Store(L.Multiply(Columns<L, V>(from + i, rows), L.Fill(scale)), to + i);
            for (; i < Inner; i++) to[i] = Columns<Lanes32, float>(from + i, rows) * scale;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private readonly V Columns<L, V>(float* from, int rows)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var total = L.Fill(0f);
            for (var start = 0; start < rows; start += Stretch)
            {
                var count = Math.Min(Stretch, rows - start);
                var sum0 = L.Fill(0f);
                var sum1 = L.Fill(0f);
                var at = from + ((long)start * Inner);
                var r = 0;
                for (; r < count - 1; r += 2)
                {
                    sum0 = L.Add(sum0, L.Load(at));
                    sum1 = L.Add(sum1, L.Load(at + Inner));
                    at += 2L * Inner;
                }
                if (r < count) sum0 = L.Add(sum0, L.Load(at));
                total = L.Add(total, L.Add(sum0, sum1));
            }
            return total;
        }
    }

    private struct SidesKernel : IKernel
    {
        public float* From;
        public float* To;
        public int Outer;
        public int Kept;
        public int Inner;
        public float Scale;

        public void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (start, end) = WorkPool.Share(Kept, worker, workers);
            for (var k = start; k < end; k++)
            {
                var sum = 0.0;
                for (var o = 0; o < Outer; o++) sum += Row<L, V>(From + ((((long)o * Kept) + k) * Inner), Inner);
                To[k] = (float)sum * Scale;
            }
        }
    }

    private static float Row<L, V>(float* from, int count)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var total = 0f;
        const int stretch = 4096;
        for (var start = 0; start < count; start += stretch)
        {
            var end = Math.Min(count, start + stretch);
            var sum0 = L.Fill(0f);
            var sum1 = L.Fill(0f);
            var i = start;
            for (; i <= end - (2 * L.Count); i += 2 * L.Count)
            {
                sum0 = L.Add(sum0, L.Load(from + i));
                sum1 = L.Add(sum1, L.Load(from + i + L.Count));
            }
            var sum = L.Sum(L.Add(sum0, sum1));
            for (; i < end; i++) sum += from[i];
            total += sum;
        }
        return total;
    }
}
