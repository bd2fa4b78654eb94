using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>Adds units of floats to places given by a table: the transpose of <see cref="IndexedCopy"/>.</summary>
internal static unsafe class IndexedAdd
{
    /// <summary>
    /// For every part: target = 0, then target[places[i]] += source[i]. Every element is added to by one thread, in the order of the table.
    /// </summary>
    /// <param name="pool">Shares the parts or, when they are fewer than the workers, the elements of the units.</param>
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
            if (Shape.Parts >= workers)
            {
                var (first, last) = WorkPool.Share(Shape.Parts, worker, workers);
                for (var part = first; part < last; part++) Add<L, V>(part, 0, Shape.Unit);
                return;
            }
            var (start, end) = WorkPool.ShareLines(Shape.Unit, worker, workers);
            for (var part = 0; part < Shape.Parts && start < end; part++) Add<L, V>(part, (int)start, (int)end);
        }

        // The elements start to end of every unit of a part.
        private readonly void Add<L, V>(int part, int start, int end)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var unit = Shape.Unit;
            var places = IsShared ? Places : Places + ((long)part * Shape.Reads);
            var from = Source + ((long)part * Shape.Reads * unit);
            var to = Target + ((long)part * Shape.Places * unit);
            if (end - start == unit) new Span<float>(to, checked(Shape.Places * unit)).Clear();
            else
                for (var i = 0; i < Shape.Places; i++) new Span<float>(to + ((long)i * unit) + start, end - start).Clear();
            for (var i = 0; i < Shape.Reads; i++, from += unit)
            {
                if (places[i] < 0) continue;
                var sum = to + ((long)places[i] * unit);
                var c = start;
                for (; c <= end - L.Count; c += L.Count) L.Store(L.Add(L.Load(sum + c), L.Load(from + c)), sum + c);
                for (; c < end; c++) sum[c] += from[c];
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
