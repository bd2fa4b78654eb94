namespace Nabi.Runtime.Kernels;

/// <summary>The largest or smallest elements of every row, in order; of equal ones the first, NaN as the smallest.</summary>
internal static unsafe class TopRows
{
    /// <summary>Writes values and indices.</summary>
    /// <param name="pool">Shares the rows.</param>
    /// <param name="shape">Rows, columns and how many of them.</param>
    /// <param name="x">Rows x columns.</param>
    /// <param name="values">Rows x count.</param>
    /// <param name="indices">Rows x count.</param>
    /// <param name="keys">Columns for each worker.</param>
    public static void Run(WorkPool pool, TopRowsShape shape, float* x, float* values, long* indices, ulong* keys)
    {
        var kernel = new Kernel { Shape = shape, X = x, Values = values, Indices = indices, Keys = keys };
        pool.Run(ref kernel, 16L * shape.Rows * shape.Columns);
    }

    private struct Kernel : IKernel
    {
        public TopRowsShape Shape;
        public float* X;
        public float* Values;
        public long* Indices;
        public ulong* Keys;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (first, last) = WorkPool.Share(Shape.Rows, worker, workers);
            var keys = new Span<ulong>(Keys + ((long)worker * Shape.Columns), Shape.Columns);
            for (var row = first; row < last; row++)
            {
                var x = X + ((long)row * Shape.Columns);
                for (var i = 0; i < keys.Length; i++) keys[i] = ((ulong)(Shape.Largest ? ~Rank(x[i]) : Rank(x[i])) << 32) | (uint)i;
                keys.Sort();
                for (var i = 0; i < Shape.Count; i++)
                {
                    var chosen = (int)(uint)keys[i];
                    Values[((long)row * Shape.Count) + i] = x[chosen];
                    Indices[((long)row * Shape.Count) + i] = chosen;
                }
            }
        }

        // A number that grows with x; the two zeros are one.
        private static uint Rank(float x)
        {
            if (float.IsNaN(x)) return 0;
            var bits = BitConverter.SingleToUInt32Bits(x == 0 ? 0f : x);
            return bits >> 31 != 0 ? ~bits : bits | 0x8000_0000;
        }
    }
}

/// <summary>What is chosen from.</summary>
/// <param name="Rows">Rows.</param>
/// <param name="Columns">Columns of a row.</param>
/// <param name="Count">How many are chosen from each row, at most <paramref name="Columns"/>.</param>
/// <param name="Largest">The largest rather than the smallest?</param>
internal readonly record struct TopRowsShape(int Rows, int Columns, int Count, bool Largest);
