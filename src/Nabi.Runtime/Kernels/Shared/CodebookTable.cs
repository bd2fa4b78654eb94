using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>Weights that share a few values: looking them up, and adding up what flows back to each value.</summary>
internal static unsafe class CodebookTable
{
    /// <summary>Entries of a table: one per index there can be.</summary>
    public const int Entries = 256;

    // Tables that are added to in turn: an addition need not wait for the one before it.
    private const int Ways = 4;

    /// <summary>target[i] = table[indices[i]], where table[first + k] = centroids[k] and the other entries are 0.</summary>
    /// <param name="pool">Shares the elements.</param>
    /// <param name="indices">One byte per element.</param>
    /// <param name="centroids">The values.</param>
    /// <param name="centroidCount">How many there are.</param>
    /// <param name="first">Index of the first: 0, or 1 if index 0 is zero.</param>
    /// <param name="target">Receives <paramref name="count"/> floats.</param>
    /// <param name="count">Elements.</param>
    public static void Look(WorkPool pool, byte* indices, float* centroids, int centroidCount, int first, float* target, int count)
    {
        var table = stackalloc float[Entries];
        Fill(table, centroids, centroidCount, first);
        var kernel = new Lookup { Indices = indices, Table = table, Target = target, Count = count };
        pool.Run(ref kernel, count);
    }

    /// <summary>A table as <see cref="Look"/> reads it.</summary>
    public static void Fill(float* table, float* centroids, int centroidCount, int first)
    {
        new Span<float>(table, Entries).Clear();
        new ReadOnlySpan<float>(centroids, centroidCount).CopyTo(new Span<float>(table + first, Entries - first));
    }

    /// <summary>sums[k] = the sum of values[i] over all i with indices[i] = first + k, always added in the same order.</summary>
    /// <param name="indices">One byte per value.</param>
    /// <param name="values">What is added.</param>
    /// <param name="count">Values.</param>
    /// <param name="first">Index of the first sum.</param>
    /// <param name="sums">Receives the sums.</param>
    /// <param name="sumCount">How many there are.</param>
    [SkipLocalsInit]
    public static void Sum(byte* indices, float* values, int count, int first, float* sums, int sumCount)
    {
        var tables = stackalloc double[Ways * Entries];
        new Span<double>(tables, Ways * Entries).Clear();
        var i = 0;
        for (; i <= count - Ways; i += Ways)
        {
            tables[indices[i]] += values[i];
            tables[Entries + indices[i + 1]] += values[i + 1];
            tables[(2 * Entries) + indices[i + 2]] += values[i + 2];
            tables[(3 * Entries) + indices[i + 3]] += values[i + 3];
        }
        for (; i < count; i++)
            tables[indices[i]] += values[i];
        for (var k = 0; k < sumCount; k++)
        {
            var at = first + k;
            sums[k] = (float)(tables[at] + tables[Entries + at] + (tables[(2 * Entries) + at] + tables[(3 * Entries) + at]));
        }
    }

    private struct Lookup : IKernel
    {
        public byte* Indices;
        public float* Table;
        public float* Target;
        public int Count;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (first, last) = WorkPool.Share(Count, worker, workers);
            for (var i = first; i < last; i++)
                Target[i] = Table[Indices[i]];
        }
    }
}
