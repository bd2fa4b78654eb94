namespace Nabi.Runtime.Kernels;

/// <summary>Rows chosen by numbers that are known when the plan runs: gathered, or added back to where they came from.</summary>
internal unsafe struct IndexedRows
{
    /// <summary>Groups of rows; each chooses among its own.</summary>
    public int Groups;

    /// <summary>Rows of a group.</summary>
    public int Size;

    /// <summary>Elements of a row.</summary>
    public int Length;

    /// <summary>Rows chosen in each group.</summary>
    public int Count;

    /// <summary>Do all groups choose by the same numbers?</summary>
    public bool IsShared;

    /// <summary>Are the numbers 64 bits wide, rather than 32?</summary>
    public bool IsWide;

    /// <summary>target[g, i] = data[g, indices[g, i]].</summary>
    /// <param name="pool">Shares the rows.</param>
    /// <param name="unit">Bytes of an element.</param>
    /// <param name="data">Groups x size rows.</param>
    /// <param name="indices">Numbers of rows, negative ones from the end.</param>
    /// <param name="target">Groups x count rows; must not overlap the data.</param>
    /// <exception cref="NabiException">There is no such row.</exception>
    public readonly void Gather(WorkPool pool, int unit, byte* data, byte* indices, byte* target)
    {
        var kernel = new GatherKernel { Shape = this, Unit = unit, Data = data, Indices = indices, Target = target };
        pool.Run(ref kernel, (long)Groups * Count * Length);
    }

    /// <summary>sums[g, indices[g, i]] += gradient[g, i], from zero and in order, whatever the number of workers.</summary>
    /// <param name="pool">Shares the groups, or when they are few the elements of the rows.</param>
    /// <param name="gradient">Groups x count rows.</param>
    /// <param name="indices">Numbers of rows, negative ones from the end.</param>
    /// <param name="sums">Groups x size rows.</param>
    /// <exception cref="NabiException">There is no such row.</exception>
    public readonly void AddBack(WorkPool pool, float* gradient, byte* indices, float* sums)
    {
        var kernel = new AddKernel { Shape = this, Gradient = gradient, Indices = indices, Sums = sums };
        pool.Run(ref kernel, (long)Groups * (Count + Size) * Length);
    }

    private readonly long Row(byte* indices, int group, int i)
    {
        var at = IsShared ? i : ((long)group * Count) + i;
        var index = IsWide ? ((long*)indices)[at] : ((int*)indices)[at];
        if (index < -Size || index >= Size) throw new NabiException($"an index is {index}, but there are {Size} elements along its axis");
        return ((long)group * Size) + (index < 0 ? index + Size : index);
    }

    private struct GatherKernel : IKernel
    {
        public IndexedRows Shape;
        public int Unit;
        public byte* Data;
        public byte* Indices;
        public byte* Target;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (first, last) = WorkPool.Share(checked(Shape.Groups * Shape.Count), worker, workers);
            var bytes = (long)Shape.Length * Unit;
            for (var row = first; row < last; row++)
            {
                var (group, i) = Math.DivRem(row, Shape.Count);
                var from = Data + (Shape.Row(Indices, group, i) * bytes);
                if (bytes == sizeof(float)) ((float*)Target)[row] = *(float*)from;
                else Buffer.MemoryCopy(from, Target + (row * bytes), bytes, bytes);
            }
        }
    }

    private struct AddKernel : IKernel
    {
        public IndexedRows Shape;
        public float* Gradient;
        public byte* Indices;
        public float* Sums;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            if (Shape.Groups >= workers)
            {
                var (first, last) = WorkPool.Share(Shape.Groups, worker, workers);
                for (var group = first; group < last; group++) Add<L, V>(group, 0, Shape.Length);
            }
            else
            {
                var (start, end) = WorkPool.ShareLines(Shape.Length, worker, workers);
                for (var group = 0; group < Shape.Groups; group++) Add<L, V>(group, (int)start, (int)end);
            }
        }

        private readonly void Add<L, V>(int group, int start, int end)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            if (start == end) return;
            for (long row = (long)group * Shape.Size, last = row + Shape.Size; row < last; row++)
                new Span<float>(Sums + (row * Shape.Length) + start, end - start).Clear();
            for (var i = 0; i < Shape.Count; i++)
            {
                var to = Sums + (Shape.Row(Indices, group, i) * Shape.Length);
                var from = Gradient + ((((long)group * Shape.Count) + i) * Shape.Length);
                for (var c = start; c < end; c += L.Count)
                    Simd.Store<L, V>(L.Add(Simd.Load<L, V>(to + c, end - c), Simd.Load<L, V>(from + c, end - c)), to + c, end - c);
            }
        }
    }
}
