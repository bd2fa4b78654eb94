using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Nabi.Runtime.Kernels;

/// <summary>Any function of one byte.</summary>
internal static unsafe class ByteTable
{
    /// <summary>Entries of a table.</summary>
    public const int Size = 256;

    /// <summary>y[i] = table[x[i]].</summary>
    /// <param name="pool">Shares the work.</param>
    /// <param name="count">Elements.</param>
    /// <param name="x">Bytes, whatever they stand for.</param>
    /// <param name="table">256 bytes.</param>
    /// <param name="y">Result; may be <paramref name="x"/>.</param>
    public static void Apply(WorkPool pool, long count, byte* x, byte* table, byte* y)
    {
        ArgumentNullException.ThrowIfNull(pool);
        var kernel = new Kernel { Count = count, X = x, Table = table, Y = y };
        pool.Run(ref kernel, count / 8);
    }

    private struct Kernel : IKernel
    {
        public long Count;
        public byte* X;
        public byte* Table;
        public byte* Y;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (i, end) = WorkPool.ShareLines(Count, worker, workers);
            byte* x = X, table = Table, y = Y;
            if (Avx512Vbmi.IsSupported && Vector512.IsHardwareAccelerated)
                i = Registers(i, end);
            for (; i <= end - 4; i += 4)
                (y[i], y[i + 1], y[i + 2], y[i + 3]) = (table[x[i]], table[x[i + 1]], table[x[i + 2]], table[x[i + 3]]);
            for (; i < end; i++)
                y[i] = table[x[i]];
        }

        // The table in four registers: two pairs, of which the upper bit chooses one.
        private readonly long Registers(long i, long end)
        {
            var (a, b) = (Vector512.Load(Table), Vector512.Load(Table + 64));
            var (c, d) = (Vector512.Load(Table + 128), Vector512.Load(Table + 192));
            for (; i <= end - 64; i += 64)
            {
                var at = Vector512.Load(X + i);
                var upper = Vector512.LessThan(at.AsSByte(), Vector512<sbyte>.Zero).AsByte();
                Vector512.ConditionalSelect(upper, Avx512Vbmi.PermuteVar64x8x2(c, at, d), Avx512Vbmi.PermuteVar64x8x2(a, at, b)).Store(Y + i);
            }
            return i;
        }
    }
}
