namespace Nabi.Runtime.Kernels;

/// <summary>Element by element functions of one and two arrays.</summary>
public static unsafe class Elementwise
{
    /// <summary>Most axes of a broadcast, before adjacent axes are merged.</summary>
    public const int MaxRank = 8;

    /// <summary>y[i] = f(x[i]).</summary>
    /// <param name="pool">Shares the work.</param>
    /// <param name="f">The function.</param>
    /// <param name="count">Elements.</param>
    /// <param name="x">Input.</param>
    /// <param name="y">Output; may be <paramref name="x"/>.</param>
    public static void Apply(WorkPool pool, Unary f, long count, float* x, float* y)
    {
        ArgumentNullException.ThrowIfNull(pool);
        var visitor = new UnaryVisitor { Pool = pool, Count = count, X = x, Y = y };
        f.Accept(ref visitor);
    }

    /// <summary>y[i] = f(a[i], b[i]).</summary>
    /// <param name="pool">Shares the work.</param>
    /// <param name="f">The function.</param>
    /// <param name="count">Elements.</param>
    /// <param name="a">First operand.</param>
    /// <param name="b">Second operand.</param>
    /// <param name="y">Output; may be either operand.</param>
    public static void Apply(WorkPool pool, BinaryKind f, long count, float* a, float* b, float* y) =>
        Broadcast(pool, f, [count], a, [1], b, [1], y);

    /// <summary>y[i] = f(a[i], b[0]) for a single b; for f(scalar, array) use <see cref="Broadcast"/> with strides 0 and 1.</summary>
    /// <param name="pool">Shares the work.</param>
    /// <param name="f">The function.</param>
    /// <param name="count">Elements.</param>
    /// <param name="a">First operand.</param>
    /// <param name="b">Second operand, one element.</param>
    /// <param name="y">Output; may be <paramref name="a"/>.</param>
    public static void ApplyScalar(WorkPool pool, BinaryKind f, long count, float* a, float* b, float* y) =>
        Broadcast(pool, f, [count], a, [1], b, [0], y);

    /// <summary>y[r, c] = f(a[r, c], b[c]): a vector over the last axis, such as one value per channel.</summary>
    /// <param name="pool">Shares the work.</param>
    /// <param name="f">The function.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Columns.</param>
    /// <param name="a">First operand, rows x columns.</param>
    /// <param name="b">Second operand, columns.</param>
    /// <param name="y">Output, rows x columns; may be <paramref name="a"/>.</param>
    public static void ApplyRows(WorkPool pool, BinaryKind f, long rows, long columns, float* a, float* b, float* y) =>
        Broadcast(pool, f, [rows, columns], a, [columns, 1], b, [0, 1], y);

    /// <summary>The general form: every operand has a stride per axis of the result, 0 where it is repeated.</summary>
    /// <param name="pool">Shares the work.</param>
    /// <param name="f">The function.</param>
    /// <param name="shape">Shape of the result, at most <see cref="MaxRank"/> axes; the result is contiguous.</param>
    /// <param name="a">First operand.</param>
    /// <param name="aStrides">Floats from one index to the next, per axis.</param>
    /// <param name="b">Second operand.</param>
    /// <param name="bStrides">Floats from one index to the next, per axis.</param>
    /// <param name="y">Output; may be an operand that is not repeated and is read in the same order.</param>
    /// <exception cref="ArgumentException">The rank is above <see cref="MaxRank"/> or strides and shape differ in rank.</exception>
    public static void Broadcast(
        WorkPool pool, BinaryKind f, ReadOnlySpan<long> shape, float* a, ReadOnlySpan<long> aStrides, float* b, ReadOnlySpan<long> bStrides, float* y)
    {
        ArgumentNullException.ThrowIfNull(pool);
        var visitor = new BinaryVisitor { Pool = pool, Walk = StridedWalk.Of(shape, aStrides, bStrides), A = a, B = b, Y = y };
        if (visitor.Walk.Count > 0)
            BinaryDispatch.Accept(f, ref visitor);
    }

    private struct UnaryVisitor : IUnaryVisitor
    {
        public WorkPool Pool;
        public long Count;
        public float* X;
        public float* Y;

        public readonly void Visit<TOp>(TOp op)
            where TOp : unmanaged, IUnaryOp
        {
            var kernel = new UnaryKernel<TOp> { Count = Count, X = X, Y = Y, Op = op };
            Pool.Run(ref kernel, Count);
        }
    }

    private struct UnaryKernel<TOp> : IKernel
        where TOp : unmanaged, IUnaryOp
    {
        public long Count;
        public float* X;
        public float* Y;
        public TOp Op;

        public void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (i, end) = StridedWalk.Share(Count, worker, workers);
            for (; i <= end - L.Count; i += L.Count)
                L.Store(Op.Invoke<L, V>(L.Load(X + i)), Y + i);
            if (i < end)
                Simd.StorePart(Op.Invoke<L, V>(Simd.LoadPart<V>(X + i, (int)(end - i))), Y + i, (int)(end - i));
        }
    }

    private struct BinaryVisitor : IBinaryVisitor
    {
        public WorkPool Pool;
        public StridedWalk Walk;
        public float* A;
        public float* B;
        public float* Y;

        public readonly void Visit<TOp>(TOp op)
            where TOp : unmanaged, IBinaryOp
        {
            var kernel = new BinaryKernel<TOp> { Walk = Walk, A = A, B = B, Y = Y, Op = op };
            Pool.Run(ref kernel, Walk.Count);
        }
    }

    private struct BinaryKernel<TOp> : IKernel
        where TOp : unmanaged, IBinaryOp
    {
        public StridedWalk Walk;
        public float* A;
        public float* B;
        public float* Y;
        public TOp Op;

        public void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (at, end) = StridedWalk.Share(Walk.Count, worker, workers);
            while (at < end)
            {
                Walk.Locate(at, out var aOffset, out var bOffset, out var left);
                var run = Math.Min(left, end - at);
                Line<L, V>(A + aOffset, B + bOffset, Y + at, run);
                at += run;
            }
        }

        private readonly void Line<L, V>(float* a, float* b, float* y, long count)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (aStep, bStep) = (Walk.InnerA, Walk.InnerB);
            long i = 0;
            if (aStep == 1 && bStep == 1)
            {
                for (; i <= count - L.Count; i += L.Count)
                    L.Store(Op.Invoke<L, V>(L.Load(a + i), L.Load(b + i)), y + i);
            }
            else if (aStep == 1 && bStep == 0)
            {
                var scalar = L.Fill(*b);
                for (; i <= count - L.Count; i += L.Count)
                    L.Store(Op.Invoke<L, V>(L.Load(a + i), scalar), y + i);
            }
            else if (aStep == 0 && bStep == 1)
            {
                var scalar = L.Fill(*a);
                for (; i <= count - L.Count; i += L.Count)
                    L.Store(Op.Invoke<L, V>(scalar, L.Load(b + i)), y + i);
            }
            for (; i < count; i += L.Count)
            {
                var part = (int)Math.Min(L.Count, count - i);
                V va = default, vb = default;
                for (var j = 0; j < part; j++)
                {
                    ((float*)&va)[j] = a[(i + j) * aStep];
                    ((float*)&vb)[j] = b[(i + j) * bStep];
                }
                Simd.StorePart(Op.Invoke<L, V>(va, vb), y + i, part);
            }
        }
    }
}
