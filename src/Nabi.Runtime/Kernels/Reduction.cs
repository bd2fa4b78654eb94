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

/// <summary>Reductions of contiguous arrays over one axis (or several adjacent ones).</summary>
/// <remarks>Sums run in blocks of 128 terms whose results are added, so that the rounding error of long sums grows 128 times more slowly.</remarks>
public static unsafe class Reduction
{
    private const int Block = 128;

    /// <summary>y[o, i] = reduction over r of x[o, r, i].</summary>
    /// <param name="pool">Shares the work by outer index, or by columns when <paramref name="outer"/> is 1.</param>
    /// <param name="kind">Which reduction.</param>
    /// <param name="outer">Elements of the axes before the reduced ones.</param>
    /// <param name="reduced">Elements of the reduced axes.</param>
    /// <param name="inner">Elements of the axes after: 1 reduces rows; with outer 1 columns are reduced (a bias gradient, for example).</param>
    /// <param name="x">Input, outer * reduced * inner floats.</param>
    /// <param name="y">Output, outer * inner floats; must not overlap the input.</param>
    public static void Run(WorkPool pool, ReductionKind kind, long outer, long reduced, long inner, float* x, float* y)
    {
        ArgumentNullException.ThrowIfNull(pool);
        var shape = new Extent { Outer = outer, Reduced = reduced, Inner = inner, X = x, Y = y, Scale = kind == ReductionKind.Mean ? 1f / reduced : 1f };
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

    private static void Run<TTerm>(WorkPool pool, Extent extent, TTerm term)
        where TTerm : unmanaged, ITerm
    {
        _ = term;
        var kernel = new Kernel<TTerm> { At = extent };
        pool.Run(ref kernel, extent.Outer * extent.Reduced * extent.Inner);
    }

    private struct Extent
    {
        public long Outer;
        public long Reduced;
        public long Inner;
        public float* X;
        public float* Y;
        public float Scale;
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
            if (At.Inner == 1)
            {
                var (first, last) = StridedWalk.Share(At.Outer, worker, workers);
                for (var o = first; o < last; o++)
                    At.Y[o] = Row<L, V>(At.X + (o * At.Reduced), At.Reduced) * At.Scale;
                return;
            }
            var (start, end) = StridedWalk.Share(At.Outer * At.Inner, worker, workers);
            while (start < end)
            {
                var (o, i) = Math.DivRem(start, At.Inner);
                var count = (int)Math.Min(L.Count, Math.Min(end - start, At.Inner - i));
                var sum = Column<L, V>(At.X + (o * At.Reduced * At.Inner) + i, count);
                Store<L, V>(L.Multiply(sum, L.Fill(At.Scale)), At.Y + start, count);
                start += count;
            }
        }

        private static float Row<L, V>(float* x, long count)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var total = L.Fill(TTerm.Start);
            long i = 0;
            while (i <= count - L.Count)
            {
                var sum = L.Fill(TTerm.Start);
                var stop = Math.Min(count, i + ((long)Block * L.Count));
                for (; i <= stop - L.Count; i += L.Count)
                    sum = TTerm.Enter<L, V>(sum, L.Load(x + i));
                total = TTerm.Combine<L, V>(total, sum);
            }
            var lanes = (float*)&total;
            var result = lanes[0];
            for (var l = 1; l < L.Count; l++)
                result = TTerm.Combine<Lanes32, float>(result, lanes[l]);
            for (; i < count; i++)
                result = TTerm.Enter<Lanes32, float>(result, x[i]);
            return result;
        }

        private readonly V Column<L, V>(float* x, int count)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var total = L.Fill(TTerm.Start);
            for (long r = 0; r < At.Reduced; r += Block)
            {
                var sum = L.Fill(TTerm.Start);
                var stop = Math.Min(At.Reduced, r + Block);
                for (var q = r; q < stop; q++)
                {
                    var source = x + (q * At.Inner);
                    sum = TTerm.Enter<L, V>(sum, count == L.Count ? L.Load(source) : Simd.LoadPart<V>(source, count));
                }
                total = TTerm.Combine<L, V>(total, sum);
            }
            return total;
        }

        private static void Store<L, V>(V value, float* target, int count)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            if (count == L.Count)
                L.Store(value, target);
            else
                Simd.StorePart(value, target, count);
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
