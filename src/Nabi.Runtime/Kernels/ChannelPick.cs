namespace Nabi.Runtime.Kernels;

/// <summary>Chosen channels of rows of channels (pixels of channels-last images), in any order and number, and the transpose.</summary>
internal static unsafe class ChannelPick
{
    /// <summary>target[row][i] = source[row][channels[i]].</summary>
    /// <param name="pool">Shares the rows.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="channels">Pinned; the channel of each target channel.</param>
    /// <param name="count">Channels of the target.</param>
    /// <param name="width">Channels of the source.</param>
    /// <param name="source">[rows, width].</param>
    /// <param name="target">[rows, count]; must not overlap the source.</param>
    public static void Run<T>(WorkPool pool, int rows, int* channels, int count, int width, T* source, T* target)
        where T : unmanaged
    {
        var kernel = new PickKernel<T> { Rows = rows, Channels = channels, Count = count, Width = width, Source = source, Target = target };
        pool.Run(ref kernel, (long)rows * count);
    }

    /// <summary>The transpose: target[row][channels[i]] is the sum of all source[row][i], 0 where there is none.</summary>
    /// <param name="pool">Shares the rows.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="channels">Pinned; the target channel of each source channel.</param>
    /// <param name="count">Channels of the source.</param>
    /// <param name="width">Channels of the target.</param>
    /// <param name="source">[rows, count].</param>
    /// <param name="target">[rows, width]; must not overlap the source.</param>
    public static void AddBack(WorkPool pool, int rows, int* channels, int count, int width, float* source, float* target)
    {
        var kernel = new AddBackKernel { Rows = rows, Channels = channels, Count = count, Width = width, Source = source, Target = target };
        pool.Run(ref kernel, (long)rows * (count + width));
    }

    private struct PickKernel<T> : IKernel
        where T : unmanaged
    {
        public int Rows;
        public int* Channels;
        public int Count;
        public int Width;
        public T* Source;
        public T* Target;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (first, last) = WorkPool.Share(Rows, worker, workers);
            var channels = Channels;
            var count = Count;
            for (var row = first; row < last; row++)
            {
                T* from = Source + ((long)row * Width), to = Target + ((long)row * count);
                var i = 0;
                for (; i + 4 <= count; i += 4)
                {
                    to[i] = from[channels[i]];
                    to[i + 1] = from[channels[i + 1]];
                    to[i + 2] = from[channels[i + 2]];
                    to[i + 3] = from[channels[i + 3]];
                }
                for (; i < count; i++) to[i] = from[channels[i]];
            }
        }
    }

    private struct AddBackKernel : IKernel
    {
        public int Rows;
        public int* Channels;
        public int Count;
        public int Width;
        public float* Source;
        public float* Target;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (first, last) = WorkPool.Share(Rows, worker, workers);
            for (var row = first; row < last; row++)
            {
                float* from = Source + ((long)row * Count), to = Target + ((long)row * Width);
                new Span<float>(to, Width).Clear();
                for (var i = 0; i < Count; i++) to[Channels[i]] += from[i];
            }
        }
    }
}
