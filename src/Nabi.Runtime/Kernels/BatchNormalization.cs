namespace Nabi.Runtime.Kernels;

/// <summary>Batch normalization with the statistics of the batch (S. Ioffe and C. Szegedy, 2015, algorithm 1) and its gradient, channels last.</summary>
/// <remarks>Inference needs no kernel: the planner folds it into the convolution or uses per-channel multiply and add. Workers own channels.</remarks>
public static unsafe class BatchNormalization
{
    /// <summary>Terms summed before they enter the total, which keeps the rounding error of long columns small.</summary>
    private const int Block = 128;

    /// <summary>y = (x - mean) / sqrt(variance + epsilon) * scale + bias with mean and biased variance per channel; optionally max(y, 0).</summary>
    /// <param name="pool">Shares the channels.</param>
    /// <param name="rows">Batch * pixels, at least 1.</param>
    /// <param name="channels">Channels.</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <param name="relu">Whether to apply max(y, 0).</param>
    /// <param name="x">Input, rows x channels.</param>
    /// <param name="scale">Scale per channel.</param>
    /// <param name="bias">Bias per channel.</param>
    /// <param name="y">Output; may be the input if no gradient is wanted.</param>
    /// <param name="mean">Receives the mean per channel.</param>
    /// <param name="variance">Receives the biased variance per channel.</param>
    public static void Run(
        WorkPool pool, int rows, int channels, float epsilon, bool relu, float* x, float* scale, float* bias, float* y, float* mean, float* variance)
    {
        ArgumentNullException.ThrowIfNull(pool);
        var kernel = new ForwardKernel
        {
            Rows = rows, Channels = channels, Epsilon = epsilon, Relu = relu, X = x, Scale = scale, Bias = bias, Y = y, Mean = mean, Variance = variance,
        };
        pool.Run(ref kernel, 4L * rows * channels);
    }

    /// <summary>Gradients with respect to the input, the scale and the bias.</summary>
    /// <param name="pool">Shares the channels.</param>
    /// <param name="rows">Batch * pixels.</param>
    /// <param name="channels">Channels.</param>
    /// <param name="epsilon">As in the forward direction.</param>
    /// <param name="x">Input of the forward function.</param>
    /// <param name="y">Output of the forward function if it applied max(y, 0), else null.</param>
    /// <param name="scale">Scale per channel.</param>
    /// <param name="mean">From the forward function.</param>
    /// <param name="variance">From the forward function.</param>
    /// <param name="dy">Gradient of the output.</param>
    /// <param name="dx">Receives the gradient of the input; may be <paramref name="dy"/>.</param>
    /// <param name="dScale">Receives the gradient of the scale.</param>
    /// <param name="dBias">Receives the gradient of the bias.</param>
    public static void Gradient(
        WorkPool pool, int rows, int channels, float epsilon, float* x, float* y, float* scale, float* mean, float* variance, float* dy, float* dx,
        float* dScale, float* dBias)
    {
        ArgumentNullException.ThrowIfNull(pool);
        var kernel = new GradientKernel
        {
            Rows = rows, Channels = channels, Epsilon = epsilon, X = x, Y = y, Scale = scale, Mean = mean, Variance = variance, Gradient = dy,
            InputGradient = dx, ScaleGradient = dScale, BiasGradient = dBias,
        };
        pool.Run(ref kernel, 4L * rows * channels);
    }

    private struct ForwardKernel : IKernel
    {
        public int Rows;
        public int Channels;
        public float Epsilon;
        public bool Relu;
        public float* X;
        public float* Scale;
        public float* Bias;
        public float* Y;
        public float* Mean;
        public float* Variance;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (first, last) = StridedWalk.Share(Channels, worker, workers);
            for (var c = first; c < last; c += L.Count)
            {
                var left = last - c;
                var mean = L.Multiply(Sum<L, V>(c, left, L.Fill(0f), squares: false), L.Fill(1f / Rows));
                var variance = L.Multiply(Sum<L, V>(c, left, mean, squares: true), L.Fill(1f / Rows));
                Simd.Store<L, V>(mean, Mean + c, left);
                Simd.Store<L, V>(variance, Variance + c, left);
                var factor = L.Divide(Simd.Load<L, V>(Scale + c, left), L.Sqrt(L.Add(variance, L.Fill(Epsilon))));
                var shift = Simd.Load<L, V>(Bias + c, left);
                for (var r = 0; r < Rows; r++)
                {
                    var at = ((long)r * Channels) + c;
                    var value = L.MultiplyAdd(L.Subtract(Simd.Load<L, V>(X + at, left), mean), factor, shift);
                    Simd.Store<L, V>(Relu ? L.Max(L.Fill(0f), value) : value, Y + at, left);
                }
            }
        }

        private readonly V Sum<L, V>(long channel, long left, V center, bool squares)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var total = L.Fill(0f);
            for (var r = 0; r < Rows;)
            {
                var sum = L.Fill(0f);
                for (var stop = Math.Min(Rows, r + Block); r < stop; r++)
                {
                    var d = L.Subtract(Simd.Load<L, V>(X + ((long)r * Channels) + channel, left), center);
                    sum = squares ? L.MultiplyAdd(d, d, sum) : L.Add(sum, d);
                }
                total = L.Add(total, sum);
            }
            return total;
        }
    }

    /// <summary>dx = scale * inverse / rows * (rows * dy - dBias - xhat * dScale).</summary>
    private struct GradientKernel : IKernel
    {
        public int Rows;
        public int Channels;
        public float Epsilon;
        public float* X;
        public float* Y;
        public float* Scale;
        public float* Mean;
        public float* Variance;
        public float* Gradient;
        public float* InputGradient;
        public float* ScaleGradient;
        public float* BiasGradient;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (first, last) = StridedWalk.Share(Channels, worker, workers);
            for (var c = first; c < last; c += L.Count)
            {
                var left = last - c;
                var mean = Simd.Load<L, V>(Mean + c, left);
                var inverse = L.Divide(L.Fill(1f), L.Sqrt(L.Add(Simd.Load<L, V>(Variance + c, left), L.Fill(Epsilon))));
                V bias = L.Fill(0f), scale = L.Fill(0f);
                for (var r = 0; r < Rows;)
                {
                    V biasPart = L.Fill(0f), scalePart = L.Fill(0f);
                    for (var stop = Math.Min(Rows, r + Block); r < stop; r++)
                    {
                        var at = ((long)r * Channels) + c;
                        var g = Incoming<L, V>(at, left);
                        biasPart = L.Add(biasPart, g);
                        scalePart = L.MultiplyAdd(g, L.Subtract(Simd.Load<L, V>(X + at, left), mean), scalePart);
                    }
                    bias = L.Add(bias, biasPart);
                    scale = L.Add(scale, scalePart);
                }
                scale = L.Multiply(scale, inverse);
                Simd.Store<L, V>(bias, BiasGradient + c, left);
                Simd.Store<L, V>(scale, ScaleGradient + c, left);
                var factor = L.Multiply(Simd.Load<L, V>(Scale + c, left), inverse);
                var meanBias = L.Multiply(bias, L.Fill(1f / Rows));
                var slope = L.Multiply(L.Multiply(scale, inverse), L.Fill(1f / Rows));
                for (var r = 0; r < Rows; r++)
                {
                    var at = ((long)r * Channels) + c;
                    var centered = L.Subtract(Simd.Load<L, V>(X + at, left), mean);
                    var d = L.Subtract(L.Subtract(Incoming<L, V>(at, left), meanBias), L.Multiply(centered, slope));
                    Simd.Store<L, V>(L.Multiply(factor, d), InputGradient + at, left);
                }
            }
        }

        private readonly V Incoming<L, V>(long at, long left)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var g = Simd.Load<L, V>(Gradient + at, left);
            return Y is null ? g : L.Select(L.Less(L.Fill(0f), Simd.Load<L, V>(Y + at, left)), g, L.Fill(0f));
        }
    }
}
