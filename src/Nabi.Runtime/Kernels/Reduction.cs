using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>What a reduction computes of a set of elements.</summary>
public enum ReductionKind
{
    /// <summary>Sum; 0 of nothing.</summary>
    Sum,

    /// <summary>Arithmetic mean; NaN of nothing.</summary>
    Mean,

    /// <summary>Largest; minus infinity of nothing.</summary>
    Max,

    /// <summary>Smallest; plus infinity of nothing.</summary>
    Min,

    /// <summary>Sum of squares.</summary>
    SumOfSquares,

    /// <summary>Sum of absolute values.</summary>
    SumOfAbsolutes,
}

/// <summary>Reductions of contiguous arrays over the middle one of three groups of axes, or over the outer and the inner one.</summary>
/// <remarks>
/// <para>Sums run in blocks of 128 terms whose results are added, so that the rounding error of long sums grows 128 times more slowly.</para>
/// <para>Few long sums (the gradient of a bias) are cut into parts that different workers do. How many depends on the sizes only, so that the
/// bits do not depend on the number of threads.</para>
/// </remarks>
public static unsafe class Reduction
{
    private const int Block = 128;
    private const int MostParts = 16;

    // Results (of columns: lines of 16) from which sharing them is enough.
    private const int EnoughUnits = 32;

    // Elements that a part has at least.
    private const int SmallestPart = 1 << 14;

    /// <summary>y[o, i] = reduction over r of x[o, r, i].</summary>
    /// <param name="pool">Shares the work.</param>
    /// <param name="kind">Which reduction.</param>
    /// <param name="outer">Elements of the axes before the reduced ones.</param>
    /// <param name="reduced">Elements of the reduced axes.</param>
    /// <param name="inner">Elements of the axes after: 1 reduces rows; with outer 1 columns are reduced (a bias gradient, for example).</param>
    /// <param name="x">Input, outer * reduced * inner floats.</param>
    /// <param name="y">Output, outer * inner floats; must not overlap the input.</param>
    public static void Run(WorkPool pool, ReductionKind kind, long outer, long reduced, long inner, float* x, float* y) =>
        Run(pool, kind, new Extent { Outer = outer, Middle = reduced, Inner = inner, X = x, Y = y, Scale = kind == ReductionKind.Mean ? 1f / reduced : 1f });

    /// <summary>y[k] = reduction over r and s of x[r, k, s]: one result per channel of NCHW images, for example.</summary>
    /// <param name="pool">Shares the work.</param>
    /// <param name="kind">Which reduction.</param>
    /// <param name="outer">Elements of the reduced axes before the kept ones.</param>
    /// <param name="kept">Elements of the kept axes.</param>
    /// <param name="inner">Elements of the reduced axes after.</param>
    /// <param name="x">Input, outer * kept * inner floats.</param>
    /// <param name="y">Output, kept floats; must not overlap the input.</param>
    public static void RunSides(WorkPool pool, ReductionKind kind, long outer, long kept, long inner, float* x, float* y) =>
        Run(pool, kind, new Extent { Sides = true, Outer = outer, Middle = kept, Inner = inner, X = x, Y = y, Scale = kind == ReductionKind.Mean ? 1f / ((float)outer * inner) : 1f });

    private static void Run(WorkPool pool, ReductionKind kind, Extent shape)
    {
        ArgumentNullException.ThrowIfNull(pool);
        switch (kind)
        {
            case ReductionKind.Sum or ReductionKind.Mean: Run(pool, shape, default(SumTerm)); break;
            case ReductionKind.Max: Run(pool, shape, default(MaxTerm)); break;
            case ReductionKind.Min: Run(pool, shape, default(MinTerm)); break;
            case ReductionKind.SumOfSquares: Run(pool, shape, default(SquareTerm)); break;
            case ReductionKind.SumOfAbsolutes: Run(pool, shape, default(AbsoluteTerm)); break;
            default: throw new ArgumentOutOfRangeException(nameof(kind), kind, "This reduction has no kernel.");
        }
    }

    [SkipLocalsInit]
    private static void Run<TTerm>(WorkPool pool, Extent extent, TTerm term)
        where TTerm : unmanaged, ITerm
    {
        _ = term;
        var parts = extent.ChooseParts();
        var kernel = new Kernel<TTerm> { At = extent with { Parts = parts } };
        if (parts == 1)
        {
            pool.Run(ref kernel, extent.Count);
            return;
        }
        var results = (int)extent.Results;
        var partial = stackalloc float[parts * results];
        kernel.At.Y = partial;
        kernel.At.Scale = 1f;
        pool.Run(ref kernel, extent.Count);
        for (var i = 0; i < results; i++)
        {
            var sum = partial[i];
            for (var p = 1; p < parts; p++) sum = TTerm.Combine<Lanes32, float>(sum, partial[(p * results) + i]);
            extent.Y[i] = sum * extent.Scale;
        }
    }

    private struct Extent
    {
        public bool Sides;
        public long Outer;
        public long Middle;
        public long Inner;
        public int Parts;
        public float* X;
        public float* Y;
        public float Scale;

        public readonly long Count => Outer * Middle * Inner;

        public readonly long Results => Sides ? Middle : Outer * Inner;

        /// <summary>The length of what is cut into parts.</summary>
        public readonly long Reduced => Sides ? Outer : Middle;

        /// <summary>Rows, stacks of columns or channels: each is done whole, or cut into parts.</summary>
        public readonly long Units => Sides ? Middle : Outer;

        // At most 16 parts of fewer than 512 results: they fit on the stack.
        public readonly int ChooseParts() =>
            (Sides || Inner == 1 ? Units : Results / 16) >= EnoughUnits ? 1 : (int)Math.Clamp(Math.Min(Reduced, Count / SmallestPart), 1, MostParts);
    }

    /// <summary>One reduction: where it starts, how an element enters, how two results combine.</summary>
    private interface ITerm
    {
        static abstract float Start { get; }

        static abstract V Enter<L, V>(V sum, V x)
            where L : unmanaged, ILanes<V>
            where V : unmanaged;

        static abstract V Combine<L, V>(V a, V b)
            where L : unmanaged, ILanes<V>
            where V : unmanaged;
    }

    private struct Kernel<TTerm> : IKernel
        where TTerm : unmanaged, ITerm
    {
        public Extent At;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            if (At.Sides || At.Inner == 1 || At.Parts > 1)
            {
                var items = At.Units * At.Parts;
                for (var item = items * worker / workers; item < items * (worker + 1) / workers; item++) Unit<L, V>(item);
                return;
            }
            var (start, end) = WorkPool.ShareLines(At.Outer * At.Inner, worker, workers);
            while (start < end)
            {
                var (o, i) = Math.DivRem(start, At.Inner);
                var count = Math.Min(end - start, At.Inner - i);
                Columns<L, V>(At.X + (o * At.Middle * At.Inner) + i, At.Middle, At.Y + start, count);
                start += count;
            }
        }

        private readonly void Unit<L, V>(long item)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (part, unit) = Math.DivRem(item, At.Units);
            var (first, last) = (At.Reduced * part / At.Parts, At.Reduced * (part + 1) / At.Parts);
            if (At.Sides) At.Y[item] = Channel<L, V>(unit, first, last) * At.Scale;
            else if (At.Inner == 1) At.Y[item] = Row<L, V>(At.X + (unit * At.Middle) + first, last - first) * At.Scale;
            else Columns<L, V>(At.X + (((unit * At.Middle) + first) * At.Inner), last - first, At.Y + (item * At.Inner), At.Inner);
        }

        private readonly float Channel<L, V>(long channel, long first, long last)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var total = L.Fill(TTerm.Start);
            var rest = TTerm.Start;
            for (var start = first; start < last; start += Block)
            {
                var sum = L.Fill(TTerm.Start);
                var tail = TTerm.Start;
                for (var r = start; r < Math.Min(last, start + Block); r++)
                    Enter<L, V>(At.X + (((r * At.Middle) + channel) * At.Inner), At.Inner, ref sum, ref tail);
                total = TTerm.Combine<L, V>(total, sum);
                rest = TTerm.Combine<Lanes32, float>(rest, tail);
            }
            return Close<L, V>(total, rest);
        }

        private static float Row<L, V>(float* x, long count)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var sum = L.Fill(TTerm.Start);
            var tail = TTerm.Start;
            Enter<L, V>(x, count, ref sum, ref tail);
            return Close<L, V>(sum, tail);
        }

        // Whole registers enter the lanes of the sum, what is left the tail.
        private static void Enter<L, V>(float* x, long count, ref V sum, ref float tail)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            long i = 0;
            while (i <= count - L.Count)
            {
                var sum0 = L.Fill(TTerm.Start);
                var sum1 = L.Fill(TTerm.Start);
                var stop = Math.Min(count, i + ((long)Block * L.Count));
                for (; i <= stop - (2 * L.Count); i += 2 * L.Count)
                {
                    sum0 = TTerm.Enter<L, V>(sum0, L.Load(x + i));
                    sum1 = TTerm.Enter<L, V>(sum1, L.Load(x + i + L.Count));
                }
                if (i <= stop - L.Count)
                {
                    sum0 = TTerm.Enter<L, V>(sum0, L.Load(x + i));
                    i += L.Count;
                }
                sum = TTerm.Combine<L, V>(sum, TTerm.Combine<L, V>(sum0, sum1));
            }
            for (; i < count; i++)
                tail = TTerm.Enter<Lanes32, float>(tail, x[i]);
        }

        private static float Close<L, V>(V sum, float tail)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var lanes = (float*)&sum;
            for (var l = 0; l < L.Count; l++)
                tail = TTerm.Combine<Lanes32, float>(tail, lanes[l]);
            return tail;
        }

        private readonly void Columns<L, V>(float* x, long rows, float* y, long count)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var scale = L.Fill(At.Scale);
            long i = 0;
            for (; i <= count - L.Count; i += L.Count)
                L.Store(L.Multiply(Column<L, V>(x + i, rows), scale), y + i);
            for (; i < count; i++)
                y[i] = Column<Lanes32, float>(x + i, rows) * At.Scale;
        }

        private readonly V Column<L, V>(float* x, long rows)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var total = L.Fill(TTerm.Start);
            for (long start = 0; start < rows; start += Block)
            {
                var sum0 = L.Fill(TTerm.Start);
                var sum1 = L.Fill(TTerm.Start);
                var stop = Math.Min(rows, start + Block);
                var r = start;
                for (; r < stop - 1; r += 2)
                {
                    sum0 = TTerm.Enter<L, V>(sum0, L.Load(x + (r * At.Inner)));
                    sum1 = TTerm.Enter<L, V>(sum1, L.Load(x + ((r + 1) * At.Inner)));
                }
                if (r < stop) sum0 = TTerm.Enter<L, V>(sum0, L.Load(x + (r * At.Inner)));
                total = TTerm.Combine<L, V>(total, TTerm.Combine<L, V>(sum0, sum1));
            }
            return total;
        }
    }

    private readonly struct SumTerm : ITerm
    {
        public static float Start => 0f;

        public static V Enter<L, V>(V sum, V x)
            where L : unmanaged, ILanes<V>
            where V : unmanaged => L.Add(sum, x);

        public static V Combine<L, V>(V a, V b)
            where L : unmanaged, ILanes<V>
            where V : unmanaged => L.Add(a, b);
    }

    private readonly struct MaxTerm : ITerm
    {
        public static float Start => float.NegativeInfinity;

        public static V Enter<L, V>(V sum, V x)
            where L : unmanaged, ILanes<V>
            where V : unmanaged => L.Max(sum, x);

        public static V Combine<L, V>(V a, V b)
            where L : unmanaged, ILanes<V>
            where V : unmanaged => L.Max(a, b);
    }

    private readonly struct MinTerm : ITerm
    {
        public static float Start => float.PositiveInfinity;

        public static V Enter<L, V>(V sum, V x)
            where L : unmanaged, ILanes<V>
            where V : unmanaged => L.Min(sum, x);

        public static V Combine<L, V>(V a, V b)
            where L : unmanaged, ILanes<V>
            where V : unmanaged => L.Min(a, b);
    }

    private readonly struct SquareTerm : ITerm
    {
        public static float Start => 0f;

        public static V Enter<L, V>(V sum, V x)
            where L : unmanaged, ILanes<V>
            where V : unmanaged => L.MultiplyAdd(x, x, sum);

        public static V Combine<L, V>(V a, V b)
            where L : unmanaged, ILanes<V>
            where V : unmanaged => L.Add(a, b);
    }

    private readonly struct AbsoluteTerm : ITerm
    {
        public static float Start => 0f;

        public static V Enter<L, V>(V sum, V x)
            where L : unmanaged, ILanes<V>
            where V : unmanaged => L.Add(sum, L.Abs(x));

        public static V Combine<L, V>(V a, V b)
            where L : unmanaged, ILanes<V>
            where V : unmanaged => L.Add(a, b);
    }
}
