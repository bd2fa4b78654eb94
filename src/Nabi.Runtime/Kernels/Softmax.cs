using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>Softmax and its logarithm over the last axis, and their gradients.</summary>
public static unsafe class Softmax
{
    /// <summary>y[r, c] = exp(x[r, c] - max) / sum, or its logarithm.</summary>
    /// <param name="pool">Shares the rows.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Columns, at least 1.</param>
    /// <param name="logarithm">Whether to compute log-softmax.</param>
    /// <param name="x">Input, rows x columns.</param>
    /// <param name="y">Output; may be the input.</param>
    public static void Run(WorkPool pool, int rows, int columns, bool logarithm, float* x, float* y)
    {
        ArgumentNullException.ThrowIfNull(pool);
        var kernel = new ForwardKernel { Rows = rows, Columns = columns, Logarithm = logarithm, X = x, Y = y };
        pool.Run(ref kernel, 8L * rows * columns);
    }

    /// <summary>dx from the output: y * (dy - sum(dy * y)), or for log-softmax dy - exp(y) * sum(dy).</summary>
    /// <param name="pool">Shares the rows.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Columns.</param>
    /// <param name="logarithm">Whether the forward function was log-softmax.</param>
    /// <param name="y">Output of the forward function.</param>
    /// <param name="dy">Gradient of the output.</param>
    /// <param name="dx">Gradient of the input; may be <paramref name="dy"/>.</param>
    public static void Gradient(WorkPool pool, int rows, int columns, bool logarithm, float* y, float* dy, float* dx)
    {
        ArgumentNullException.ThrowIfNull(pool);
        var kernel = new GradientKernel { Rows = rows, Columns = columns, Logarithm = logarithm, Y = y, Gradient = dy, X = dx };
        pool.Run(ref kernel, 8L * rows * columns);
    }

    /// <summary>Longest row that is kept on the stack.</summary>
    private const int RowFloats = 1024;

    private struct ForwardKernel : IKernel
    {
        public int Rows;
        public int Columns;
        public bool Logarithm;
        public float* X;
        public float* Y;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (first, last) = WorkPool.Share(Rows, worker, workers);
            if (Columns < L.Count) ShortRows<L, V>(first, last);
            else LongRows<L, V>(first, last);
        }

        // What is written and soon read again lies aligned on the stack, as far as it fits there.
        [SkipLocalsInit]
        private readonly void LongRows<L, V>(int first, int last)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var memory = stackalloc float[RowFloats + 32];
            var aligned = (float*)(((nint)memory + 63) & ~63);
            for (var r = first; r < last; r++)
            {
                var x = X + ((long)r * Columns);
                var y = Y + ((long)r * Columns);
                var row = Columns <= RowFloats ? aligned : y;
                var sum = Powers<L, V>(x, row, L.Fill(Largest<L, V>(x)));
                Normalize<L, V>(row, y, L.Fill(Logarithm ? MathF.Log(sum) : 1f / sum));
            }
        }

        // A NaN need not be the largest: its exponential reaches the sum, and so the whole row, anyway.
        private readonly float Largest<L, V>(float* x)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var end = Columns - L.Count;
            V a = L.Load(x + end), b = a;
            var c = 0;
            for (; c <= end - L.Count; c += 2 * L.Count)
                (a, b) = (L.Max(a, L.Load(x + c)), L.Max(b, L.Load(x + c + L.Count)));
            return L.Largest(L.Max(L.Max(a, b), L.Load(x + Math.Min(c, end))));
        }

        // row = exp(x - shift), or x - shift for the logarithm; returns the sum of the exponentials.
        private readonly float Powers<L, V>(float* x, float* row, V shift)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            V sums = L.Fill(0f);
            var c = 0;
            for (; c <= Columns - L.Count; c += L.Count)
            {
                var shifted = L.Subtract(L.Load(x + c), shift);
                var e = VectorMath.PowerOfTwo<L, V>(L.Multiply(shifted, L.Fill(VectorMath.LogTwoE)));
                sums = L.Add(sums, e);
                L.Store(Logarithm ? shifted : e, row + c);
            }
            if (c < Columns)
            {
                var shifted = L.Subtract(Simd.LoadPart<V>(x + c, Columns - c), shift);
                var e = VectorMath.PowerOfTwo<L, V>(L.Multiply(shifted, L.Fill(VectorMath.LogTwoE)));
                sums = L.Add(sums, Simd.Keep<L, V>(e, Columns - c));
                if (Columns <= RowFloats)
                    L.Store(Logarithm ? shifted : e, row + c);
                else
                    Simd.StorePart(Logarithm ? shifted : e, row + c, Columns - c);
            }
            return L.Sum(sums);
        }

        private readonly void Normalize<L, V>(float* row, float* y, V norm)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var c = 0;
            for (; c <= Columns - L.Count; c += L.Count)
                L.Store(Logarithm ? L.Subtract(L.Load(row + c), norm) : L.Multiply(L.Load(row + c), norm), y + c);
            if (c == Columns)
                return;
            var tail = Columns <= RowFloats ? L.Load(row + c) : Simd.LoadPart<V>(row + c, Columns - c);
            Simd.StorePart(Logarithm ? L.Subtract(tail, norm) : L.Multiply(tail, norm), y + c, Columns - c);
        }

        // Rows of less than a register: a row in each lane.
        [SkipLocalsInit]
        private readonly void ShortRows<L, V>(int first, int last)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var turned = stackalloc float[Columns * L.Count];
            for (var r = first; r < last; r += L.Count)
            {
                var count = Math.Min(L.Count, last - r);
                Turn<L, V>(X + ((long)r * Columns), Columns, count, turned);
                var largest = L.Load(turned);
                for (var c = 1; c < Columns; c++)
                    largest = L.Max(largest, L.Load(turned + (c * L.Count)));
                V sum = L.Fill(0f);
                for (var c = 0; c < Columns; c++)
                {
                    var shifted = L.Subtract(L.Load(turned + (c * L.Count)), largest);
                    var e = VectorMath.Exp<L, V>(shifted);
                    sum = L.Add(sum, e);
                    L.Store(Logarithm ? shifted : e, turned + (c * L.Count));
                }
                var scale = Logarithm ? VectorMath.Log<L, V>(sum) : L.Divide(L.Fill(1f), sum);
                for (var c = 0; c < Columns; c++)
                {
                    var value = L.Load(turned + (c * L.Count));
                    L.Store(Logarithm ? L.Subtract(value, scale) : L.Multiply(value, scale), turned + (c * L.Count));
                }
                TurnBack<L, V>(turned, Columns, count, Y + ((long)r * Columns));
            }
        }
    }

    private struct GradientKernel : IKernel
    {
        public int Rows;
        public int Columns;
        public bool Logarithm;
        public float* Y;
        public float* Gradient;
        public float* X;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (first, last) = WorkPool.Share(Rows, worker, workers);
            if (Columns < L.Count) ShortRows<L, V>(first, last);
            else LongRows<L, V>(first, last);
        }

        private readonly void LongRows<L, V>(int first, int last)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            for (var r = first; r < last; r++)
            {
                var y = Y + ((long)r * Columns);
                var dy = Gradient + ((long)r * Columns);
                var dx = X + ((long)r * Columns);
                V sums = L.Fill(0f);
                for (var c = 0; c < Columns; c += L.Count)
                {
                    var g = Simd.Load<L, V>(dy + c, Columns - c);
                    sums = L.Add(sums, Logarithm ? g : L.Multiply(g, Simd.Load<L, V>(y + c, Columns - c)));
                }
                var sum = L.Fill(L.Sum(sums));
                for (var c = 0; c < Columns; c += L.Count)
                {
                    var result = OfOne<L, V>(Simd.Load<L, V>(dy + c, Columns - c), Simd.Load<L, V>(y + c, Columns - c), sum);
                    Simd.Store<L, V>(result, dx + c, Columns - c);
                }
            }
        }

        // Rows of less than a register: a row in each lane.
        [SkipLocalsInit]
        private readonly void ShortRows<L, V>(int first, int last)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var turned = stackalloc float[2 * Columns * L.Count];
            var outputs = turned + (Columns * L.Count);
            for (var r = first; r < last; r += L.Count)
            {
                var count = Math.Min(L.Count, last - r);
                Turn<L, V>(Gradient + ((long)r * Columns), Columns, count, turned);
                Turn<L, V>(Y + ((long)r * Columns), Columns, count, outputs);
                V sum = L.Fill(0f);
                for (var c = 0; c < Columns; c++)
                {
                    var g = L.Load(turned + (c * L.Count));
                    sum = L.Add(sum, Logarithm ? g : L.Multiply(g, L.Load(outputs + (c * L.Count))));
                }
                for (var c = 0; c < Columns; c++)
                    L.Store(OfOne<L, V>(L.Load(turned + (c * L.Count)), L.Load(outputs + (c * L.Count)), sum), turned + (c * L.Count));
                TurnBack<L, V>(turned, Columns, count, X + ((long)r * Columns));
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private readonly V OfOne<L, V>(V g, V y, V sum)
            where L : unmanaged, ILanes<V>
            where V : unmanaged => Logarithm ? L.Subtract(g, L.Multiply(VectorMath.Exp<L, V>(y), sum)) : L.Multiply(y, L.Subtract(g, sum));
    }

    // [count][columns] to [columns][lanes]; lanes beyond count hold the first row, so that they compute something harmless.
    private static void Turn<L, V>(float* rows, int columns, int count, float* turned)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        for (var i = 0; i < L.Count; i++)
        {
            var row = i < count ? rows + (i * columns) : rows;
            for (var c = 0; c < columns; c++) turned[(c * L.Count) + i] = row[c];
        }
    }

    private static void TurnBack<L, V>(float* turned, int columns, int count, float* rows)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        for (var i = 0; i < count; i++)
        {
            for (var c = 0; c < columns; c++) rows[(i * columns) + c] = turned[(c * L.Count) + i];
        }
    }
}
