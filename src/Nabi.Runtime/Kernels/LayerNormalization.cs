namespace Nabi.Runtime.Kernels;

/// <summary>Layer normalization over the last axis (J. L. Ba et al., 2016, equation 3, with biased variance) and its gradient.</summary>
public static unsafe class LayerNormalization
{
    /// <summary>y = (x - mean) / sqrt(variance + epsilon) * scale + bias, per row.</summary>
    /// <param name="pool">Shares the rows.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Columns.</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <param name="x">Input, rows x columns.</param>
    /// <param name="scale">Scale, columns.</param>
    /// <param name="bias">Bias, columns, or null.</param>
    /// <param name="y">Output; may be the input.</param>
    /// <param name="mean">Receives the mean of each row, or null.</param>
    /// <param name="inverseDeviation">Receives 1 / sqrt(variance + epsilon) of each row, or null.</param>
    public static void Run(
        WorkPool pool, int rows, int columns, float epsilon, float* x, float* scale, float* bias, float* y, float* mean, float* inverseDeviation)
    {
        ArgumentNullException.ThrowIfNull(pool);
        var kernel = new ForwardKernel
        {
            Rows = rows, Columns = columns, Epsilon = epsilon, X = x, Scale = scale, Bias = bias, Y = y, Mean = mean, Inverse = inverseDeviation,
        };
        pool.Run(ref kernel, 4L * rows * columns);
    }

    /// <summary>Gradients with respect to the input, the scale and the bias.</summary>
    /// <param name="pool">Shares rows for the input and columns for the parameters.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Columns.</param>
    /// <param name="x">Input of the forward function.</param>
    /// <param name="scale">Scale.</param>
    /// <param name="mean">From the forward function.</param>
    /// <param name="inverseDeviation">From the forward function.</param>
    /// <param name="dy">Gradient of the output.</param>
    /// <param name="dx">Receives the gradient of the input, or null.</param>
    /// <param name="dScale">Receives the gradient of the scale, or null.</param>
    /// <param name="dBias">Receives the gradient of the bias, or null.</param>
    public static void Gradient(
        WorkPool pool, int rows, int columns, float* x, float* scale, float* mean, float* inverseDeviation, float* dy, float* dx, float* dScale, float* dBias)
    {
        ArgumentNullException.ThrowIfNull(pool);
        if (dScale is not null || dBias is not null)
        {
            var parameters = new ParameterKernel
            {
                Rows = rows, Columns = columns, X = x, Mean = mean, Inverse = inverseDeviation, Gradient = dy, Scale = dScale, Bias = dBias,
            };
            pool.Run(ref parameters, 2L * rows * columns);
        }
        if (dx is null)
            return;
        var input = new InputKernel
        {
            Rows = rows, Columns = columns, X = x, Scale = scale, Mean = mean, Inverse = inverseDeviation, Gradient = dy, Result = dx,
        };
        pool.Run(ref input, 4L * rows * columns);
    }

    private struct ForwardKernel : IKernel
    {
        public int Rows;
        public int Columns;
        public float Epsilon;
        public float* X;
        public float* Scale;
        public float* Bias;
        public float* Y;
        public float* Mean;
        public float* Inverse;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (first, last) = WorkPool.Share(Rows, worker, workers);
            for (var r = first; r < last; r++)
            {
                var x = X + ((long)r * Columns);
                var y = Y + ((long)r * Columns);
                V sum = L.Fill(0f), squares = L.Fill(0f);
                for (var c = 0; c < Columns; c += L.Count)
                    sum = L.Add(sum, Simd.Load<L, V>(x + c, Columns - c));
                var mean = L.Sum(sum) / Columns;
                for (var c = 0; c < Columns; c += L.Count)
                {
                    var d = Simd.Keep<L, V>(L.Subtract(Simd.Load<L, V>(x + c, Columns - c), L.Fill(mean)), Columns - c);
                    squares = L.MultiplyAdd(d, d, squares);
                }
                var inverse = 1f / MathF.Sqrt((L.Sum(squares) / Columns) + Epsilon);
                for (var c = 0; c < Columns; c += L.Count)
                {
                    var left = Columns - c;
                    var d = L.Multiply(L.Subtract(Simd.Load<L, V>(x + c, left), L.Fill(mean)), L.Fill(inverse));
                    var bias = Bias is null ? L.Fill(0f) : Simd.Load<L, V>(Bias + c, left);
                    Simd.Store<L, V>(L.MultiplyAdd(d, Simd.Load<L, V>(Scale + c, left), bias), y + c, left);
                }
                if (Mean is not null)
                    Mean[r] = mean;
                if (Inverse is not null)
                    Inverse[r] = inverse;
            }
        }
    }

    /// <summary>dx = inverse * (g - mean(g) - xhat * mean(g * xhat)) with g = dy * scale.</summary>
    private struct InputKernel : IKernel
    {
        public int Rows;
        public int Columns;
        public float* X;
        public float* Scale;
        public float* Mean;
        public float* Inverse;
        public float* Gradient;
        public float* Result;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (first, last) = WorkPool.Share(Rows, worker, workers);
            for (var r = first; r < last; r++)
            {
                var x = X + ((long)r * Columns);
                var dy = Gradient + ((long)r * Columns);
                var dx = Result + ((long)r * Columns);
                V mean = L.Fill(Mean[r]), inverse = L.Fill(Inverse[r]), sum = L.Fill(0f), products = L.Fill(0f);
                for (var c = 0; c < Columns; c += L.Count)
                {
                    var left = Columns - c;
                    var g = L.Multiply(Simd.Load<L, V>(dy + c, left), Simd.Load<L, V>(Scale + c, left));
                    sum = L.Add(sum, g);
                    products = L.MultiplyAdd(g, L.Multiply(L.Subtract(Simd.Load<L, V>(x + c, left), mean), inverse), products);
                }
                var meanGradient = L.Fill(L.Sum(sum) / Columns);
                var meanProduct = L.Fill(L.Sum(products) / Columns);
                for (var c = 0; c < Columns; c += L.Count)
                {
                    var left = Columns - c;
                    var g = L.Multiply(Simd.Load<L, V>(dy + c, left), Simd.Load<L, V>(Scale + c, left));
                    var normalized = L.Multiply(L.Subtract(Simd.Load<L, V>(x + c, left), mean), inverse);
                    var d = L.Subtract(L.Subtract(g, meanGradient), L.Multiply(normalized, meanProduct));
                    Simd.Store<L, V>(L.Multiply(inverse, d), dx + c, left);
                }
            }
        }
    }

    private struct ParameterKernel : IKernel
    {
        public int Rows;
        public int Columns;
        public float* X;
        public float* Mean;
        public float* Inverse;
        public float* Gradient;
        public float* Scale;
        public float* Bias;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (first, last) = WorkPool.ShareLines(Columns, worker, workers);
            for (var c = first; c < last; c += L.Count)
            {
                var left = last - c;
                V scale = L.Fill(0f), bias = L.Fill(0f);
                for (var r = 0; r < Rows; r++)
                {
                    var at = ((long)r * Columns) + c;
                    var g = Simd.Load<L, V>(Gradient + at, left);
                    bias = L.Add(bias, g);
                    scale = L.MultiplyAdd(g, L.Multiply(L.Subtract(Simd.Load<L, V>(X + at, left), L.Fill(Mean[r])), L.Fill(Inverse[r])), scale);
                }
                if (Scale is not null)
                    Simd.Store<L, V>(scale, Scale + c, left);
                if (Bias is not null)
                    Simd.Store<L, V>(bias, Bias + c, left);
            }
        }
    }
}
