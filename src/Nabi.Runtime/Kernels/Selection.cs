namespace Nabi.Runtime.Kernels;

/// <summary>Finding elements in rows: the largest or smallest, and the first K in order.</summary>
internal static unsafe class Selection
{
    /// <summary>The column of every row's largest element; NaN counts as larger than all.</summary>
    /// <param name="pool">Shares the rows.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Columns, at least 1.</param>
    /// <param name="search">The largest or the smallest, and which of equal ones.</param>
    /// <param name="x">Input, rows x columns.</param>
    /// <param name="places">Output, one per row.</param>
    public static void Find(WorkPool pool, int rows, int columns, Search search, float* x, long* places)
    {
        var kernel = new FindKernel { Rows = rows, Columns = columns, Search = search, X = x, Places = places };
        pool.Run(ref kernel, (long)rows * columns);
    }

    /// <summary>The first <paramref name="count"/> elements of every row when it is sorted, and where they stood. Equal elements stay in order; NaN counts as smallest.</summary>
    /// <param name="pool">Shares the rows.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Columns.</param>
    /// <param name="count">Elements taken of each row, 0 to <paramref name="columns"/>.</param>
    /// <param name="isLargest">The largest first?</param>
    /// <param name="x">Input, rows x columns.</param>
    /// <param name="values">Output, rows x count.</param>
    /// <param name="places">Output, rows x count.</param>
    /// <param name="scratch">Columns numbers per worker.</param>
    public static void First(WorkPool pool, int rows, int columns, int count, bool isLargest, float* x, float* values, long* places, ulong* scratch)
    {
        var kernel = new SortKernel { Rows = rows, Columns = columns, Count = count, IsLargest = isLargest, X = x, Values = values, Places = places, Scratch = scratch };
        pool.Run(ref kernel, 16L * rows * columns);
    }

    /// <summary>What <see cref="Find"/> looks for.</summary>
    /// <param name="Sign">1 for the largest, -1 for the smallest.</param>
    /// <param name="TakesLast">Of equal elements the last, rather than the first?</param>
    internal readonly record struct Search(float Sign, bool TakesLast);

    private struct FindKernel : IKernel
    {
        public int Rows;
        public int Columns;
        public Search Search;
        public float* X;
        public long* Places;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (first, last) = WorkPool.Share(Rows, worker, workers);
            for (var r = first; r < last; r++) Places[r] = Find(X + ((long)r * Columns));
        }

        private readonly int Find(float* row)
        {
            var (best, at) = (Search.Sign * row[0], 0);
            for (var i = 1; i < Columns && !float.IsNaN(best); i++)
            {
                var x = Search.Sign * row[i];
                if (x > best || float.IsNaN(x) || (Search.TakesLast && x == best)) (best, at) = (x, i);
            }
            return at;
        }
    }

    private struct SortKernel : IKernel
    {
        public int Rows;
        public int Columns;
        public int Count;
        public bool IsLargest;
        public float* X;
        public float* Values;
        public long* Places;
        public ulong* Scratch;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (first, last) = WorkPool.Share(Rows, worker, workers);
            var keys = new Span<ulong>(Scratch + ((long)worker * Columns), Columns);
            for (var r = first; r < last; r++)
            {
                var x = X + ((long)r * Columns);
                // Element above, place below: one order of whole numbers, in which equal elements stay in order.
                for (var i = 0; i < keys.Length; i++) keys[i] = ((ulong)Rank(x[i]) << 32) | (uint)i;
                keys.Sort();
                for (var i = 0; i < Count; i++)
                {
                    var place = (int)(uint)keys[i];
                    Values[((long)r * Count) + i] = x[place];
                    Places[((long)r * Count) + i] = place;
                }
            }
        }

        // Floats as whole numbers in the same order: negative ones with all bits turned, positive ones above them.
        private readonly uint Rank(float x)
        {
            var bits = BitConverter.SingleToUInt32Bits(x + 0f);   // -0 becomes 0
            var rank = float.IsNaN(x) ? 0 : (bits >> 31) == 0 ? bits | 0x80000000 : ~bits;
            return IsLargest ? ~rank : rank;
        }
    }
}
