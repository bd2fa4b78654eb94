using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>Copies units of bytes from places given by a table: gathers, tilings, resampling by nearest neighbours.</summary>
internal static unsafe class IndexedCopy
{
    /// <summary>target[i] = source[places[i]], or zero bytes where the place is negative.</summary>
    /// <param name="pool">Shares the units.</param>
    /// <param name="unit">Bytes copied together.</param>
    /// <param name="places">Pinned; one place per unit of the target.</param>
    /// <param name="source">Units to read.</param>
    /// <param name="target">Units to write; must not overlap the source.</param>
    public static void Run(WorkPool pool, int unit, int[] places, byte* source, byte* target)
    {
        if (places.Length == 0) return;
        var kernel = new Kernel { Places = (int*)Unsafe.AsPointer(ref places[0]), Count = places.Length, Unit = unit, Source = source, Target = target };
        pool.Run(ref kernel, (long)places.Length * Math.Max(1, unit / 4));
    }

    private struct Kernel : IKernel
    {
        public int* Places;
        public int Count;
        public int Unit;
        public byte* Source;
        public byte* Target;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (first, last) = WorkPool.Share(Count, worker, workers);
            if (Unit == sizeof(float))
            {
                for (var i = first; i < last; i++) ((float*)Target)[i] = Places[i] < 0 ? 0f : ((float*)Source)[Places[i]];
                return;
            }
            for (var i = first; i < last; i++)
            {
                var to = Target + ((long)i * Unit);
                if (Places[i] < 0) Unsafe.InitBlockUnaligned(to, 0, (uint)Unit);
                else Unsafe.CopyBlockUnaligned(to, Source + ((long)Places[i] * Unit), (uint)Unit);
            }
        }
    }
}
