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
            for (var r = first; r < last; r++)
            {
                var x = X + ((long)r * Columns);
                var y = Y + ((long)r * Columns);
                var max = float.NegativeInfinity;
                for (var c = 0; c < Columns; c++)
                    max = MathF.Max(max, x[c]);
                var shift = L.Fill(max);
                V sums = L.Fill(0f);
                for (var c = 0; c < Columns; c += L.Count)
                {
                    var shifted = L.Subtract(Simd.Load<L, V>(x + c, Columns - c), shift);
                    var e = VectorMath.Exp<L, V>(shifted);
                    sums = L.Add(sums, Simd.Keep<L, V>(e, Columns - c));
                    Simd.Store<L, V>(Logarithm ? shifted : e, y + c, Columns - c);
                }
                var sum = L.Sum(sums);
                for (var c = 0; c < Columns; c += L.Count)
                {
                    var value = Simd.Load<L, V>(y + c, Columns - c);
                    value = Logarithm ? L.Subtract(value, L.Fill(MathF.Log(sum))) : L.Multiply(value, L.Fill(1f / sum));
                    Simd.Store<L, V>(value, y + c, Columns - c);
                }
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
                    var g = Simd.Load<L, V>(dy + c, Columns - c);
                    var p = Simd.Load<L, V>(y + c, Columns - c);
                    var result = Logarithm ? L.Subtract(g, L.Multiply(VectorMath.Exp<L, V>(p), sum)) : L.Multiply(p, L.Subtract(g, sum));
                    Simd.Store<L, V>(result, dx + c, Columns - c);
                }
            }
        }
    }
}
