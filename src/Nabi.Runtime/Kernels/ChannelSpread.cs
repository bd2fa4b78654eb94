namespace Nabi.Runtime.Kernels;

/// <summary>
/// Every channel several times, and their sum: with it a depthwise convolution with several filters for each channel is one with a single
/// filter for each, and so are its gradients.
/// </summary>
internal static unsafe class ChannelSpread
{
    /// <summary>target[i * times + j] = source[i] for j in [0, times).</summary>
    /// <param name="pool">Shares the elements.</param>
    /// <param name="count">Elements of the source: pixels times channels.</param>
    /// <param name="times">How many times each, at least 1.</param>
    /// <param name="source">Elements to read.</param>
    /// <param name="target">Receives count * times elements; must not overlap the source.</param>
    public static void Repeat(WorkPool pool, long count, int times, float* source, float* target)
    {
        var kernel = new RepeatKernel { Count = count, Times = times, Source = source, Target = target };
        pool.Run(ref kernel, count * times);
    }

    /// <summary>target[i] = sum of source[i * times + j] over j in [0, times).</summary>
    /// <param name="pool">Shares the elements.</param>
    /// <param name="count">Elements of the target: pixels times channels.</param>
    /// <param name="times">How many are added, at least 1.</param>
    /// <param name="source">count * times elements.</param>
    /// <param name="target">Receives the sums; must not overlap the source.</param>
    public static void Sum(WorkPool pool, long count, int times, float* source, float* target)
    {
        var kernel = new SumKernel { Count = count, Times = times, Source = source, Target = target };
        pool.Run(ref kernel, count * times);
    }

    private struct RepeatKernel : IKernel
    {
        public long Count;
        public int Times;
        public float* Source;
        public float* Target;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (first, last) = WorkPool.ShareLines(Count, worker, workers);
            var to = Target + (first * Times);
            var end = Target + (last * Times);
            var i = first;
            // A whole register is stored, and what it writes too much is written again by the next element.
            for (; i < last && to + Times + L.Count <= end; i++)
            {
                var value = L.Broadcast(Source + i);
                for (var j = 0; j < Times; j += L.Count) L.Store(value, to + j);
                to += Times;
            }
            for (; i < last; i++, to += Times) new Span<float>(to, Times).Fill(Source[i]);
        }
    }

    private struct SumKernel : IKernel
    {
        public long Count;
        public int Times;
        public float* Source;
        public float* Target;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (first, last) = WorkPool.ShareLines(Count, worker, workers);
            var from = Source + (first * Times);
            for (var i = first; i < last; i++, from += Times)
            {
                var sum = *from;
                for (var j = 1; j < Times; j++) sum += from[j];
                Target[i] = sum;
            }
        }
    }
}
