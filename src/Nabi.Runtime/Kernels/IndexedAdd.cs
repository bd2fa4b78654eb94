using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>Adds units of floats to places given by a table: the transpose of <see cref="IndexedCopy"/>.</summary>
internal static unsafe class IndexedAdd
{
    /// <summary>
    /// For every part: target = 0, then target[places[i]] += source[i]. Parts are added to by one thread each, in the order of the table.
    /// </summary>
    /// <param name="pool">Shares the parts.</param>
    /// <param name="shape">How source and target are divided.</param>
    /// <param name="places">Pinned; per unit of the source its place within the part of the target, negative for none: one table for all parts, or one behind the other.</param>
    /// <param name="source">Parts x <see cref="IndexedParts.Reads"/> units.</param>
    /// <param name="target">Parts x <see cref="IndexedParts.Places"/> units; must not overlap the source.</param>
    public static void Run(WorkPool pool, IndexedParts shape, int[] places, float* source, float* target)
    {
        var kernel = new Kernel
        {
            Shape = shape, Places = places.Length == 0 ? null : (int*)Unsafe.AsPointer(ref places[0]), IsShared = places.Length == shape.Reads, Source = source, Target = target,
        };
        pool.Run(ref kernel, (long)shape.Parts * (shape.Reads + shape.Places) * shape.Unit);
    }

    private struct Kernel : IKernel
    {
        public IndexedParts Shape;
        public int* Places;
        public bool IsShared;
        public float* Source;
        public float* Target;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (first, last) = WorkPool.Share(Shape.Parts, worker, workers);
            for (var part = first; part < last; part++)
            {
                var to = Target + ((long)part * Shape.Places * Shape.Unit);
                new Span<float>(to, checked(Shape.Places * Shape.Unit)).Clear();
                Add<L, V>(IsShared ? Places : Places + ((long)part * Shape.Reads), Source + ((long)part * Shape.Reads * Shape.Unit), to);
            }
        }

        private readonly void Add<L, V>(int* places, float* from, float* to)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var unit = Shape.Unit;
            for (var i = 0; i < Shape.Reads; i++, from += unit)
            {
                if (places[i] < 0) continue;
                var sum = to + ((long)places[i] * unit);
                var c = 0;
                for (; c <= unit - L.Count; c += L.Count) L.Store(L.Add(L.Load(sum + c), L.Load(from + c)), sum + c);
                for (; c < unit; c++) sum[c] += from[c];
            }
        }
    }
}

/// <summary>How the two sides of an indexed movement are divided: every part reads and writes for itself.</summary>
/// <param name="Parts">Parts.</param>
/// <param name="Reads">Units of the smaller or larger side that the table counts, in a part.</param>
/// <param name="Places">Units that the table points at, in a part.</param>
/// <param name="Unit">Elements moved together.</param>
internal readonly record struct IndexedParts(int Parts, int Reads, int Places, int Unit);
