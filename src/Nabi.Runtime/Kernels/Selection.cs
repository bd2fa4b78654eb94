namespace Nabi.Runtime.Kernels;

/// <summary>Finding the largest or smallest element of rows.</summary>
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
}
