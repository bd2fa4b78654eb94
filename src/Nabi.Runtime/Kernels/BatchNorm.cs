using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>Batch normalization in training mode on [rows, channels], forward and backward (Ioffe and Szegedy 2015, section 3).</summary>
/// <remarks>
/// Rows are divided among the workers; each adds stretches of rows in single precision and the stretches in double precision, so the result
/// depends on the number of workers only in its last bits and not on timing.
/// </remarks>
internal static unsafe class BatchNorm
{
    private const int Stretch = 64;

    /// <summary>Doubles of scratch memory for either direction.</summary>
    public static long ScratchSize(int workers, int channels) => ((2L * workers) + 2) * channels;

    /// <summary>The statistics of a batch and what follows from them: y = factor x + shift normalizes and scales.</summary>
    public struct Statistics
    {
        /// <summary>Scale per channel.</summary>
        public float* Scale;

        /// <summary>Offset per channel.</summary>
        public float* Offset;

        /// <summary>Written: the batch's mean per channel.</summary>
        public float* Mean;

        /// <summary>Written: 1 / sqrt(variance + epsilon), with the biased variance.</summary>
        public float* Inverse;

        /// <summary>Running mean per channel, old and new; may be the same memory.</summary>
        public float* RunningMean, NewRunningMean;

        /// <summary>Running variance per channel, old and new; may be the same memory.</summary>
        public float* RunningVariance, NewRunningVariance;

        /// <summary>Share of the old running statistics that stays.</summary>
        public float Momentum;

        /// <summary>Added to the variance.</summary>
        public float Epsilon;
    }

    /// <summary>y = epilogue(scale (x - mean) inverse + offset).</summary>
    /// <param name="pool">Shares the rows.</param>
    /// <param name="rows">Pixels of all images.</param>
    /// <param name="channels">Channels.</param>
    /// <param name="x">[rows, channels].</param>
    /// <param name="residual">Added before the activation, or null.</param>
    /// <param name="low">Limits the result from below; minus infinity for no limit.</param>
    /// <param name="high">Limits the result from above.</param>
    /// <param name="y">[rows, channels]; may be <paramref name="residual"/>, and may be <paramref name="x"/>.</param>
    /// <param name="s">Parameters and statistics.</param>
    /// <param name="scratch"><see cref="ScratchSize"/> doubles.</param>
    public static void Forward(WorkPool pool, int rows, int channels, float* x, float* residual, float low, float high, float* y, Statistics s, double* scratch)
    {
        var work = (long)rows * channels;
        new Span<double>(scratch, 2 * pool.Workers * channels).Clear();
        var moments = new SumKernel<Moments> { Rows = rows, Channels = channels, Sums = scratch, Of = new Moments { X = x } };
        pool.Run(ref moments, work);
        var factor = (float*)(scratch + (2L * pool.Workers * channels));
        var shift = factor + channels;
        for (var c = 0; c < channels; c++)
        {
            double sum = 0, squares = 0;
            for (var w = 0; w < pool.Workers; w++)
            {
                sum += scratch[(2L * w * channels) + c];
                squares += scratch[(((2L * w) + 1) * channels) + c];
            }
            var (mean, variance) = (x[c] + (sum / rows), Math.Max(0, (squares - (sum * sum / rows)) / rows));
            var inverse = 1 / Math.Sqrt(variance + s.Epsilon);
            (s.Mean[c], s.Inverse[c]) = ((float)mean, (float)inverse);
            s.NewRunningMean[c] = (float)((s.RunningMean[c] * (double)s.Momentum) + (mean * (1 - (double)s.Momentum)));
            s.NewRunningVariance[c] = (float)((s.RunningVariance[c] * (double)s.Momentum) + (variance * (1 - (double)s.Momentum)));
            Affine(s.Scale[c], s.Offset[c], s.Mean[c], s.Inverse[c], out factor[c], out shift[c]);
        }
        var apply = new Apply { Rows = rows, Channels = channels, X = x, Residual = residual, Low = low, High = high, Y = y, Factor = factor, Shift = shift };
        pool.Run(ref apply, work);
    }

    /// <summary>Where the gradient of an activation after the normalization passes: where the result lies in [Low, High].</summary>
    /// <param name="offset">Offset per channel, from which the result is computed again; null if no activation followed.</param>
    /// <param name="low">Lower end.</param>
    /// <param name="high">Upper end.</param>
    public readonly struct Gate(float* offset, float low, float high)
    {
        public float* Offset => offset;

        public float Low => low;

        public float High => high;
    }

    /// <summary>
    /// dx = scale inverse (g - mean(g) - z mean(g z)), dscale = sum(g z), doffset = sum(g), where z = (x - mean) inverse and g is dy where the
    /// <paramref name="gate"/> is open and 0 elsewhere.
    /// </summary>
    /// <param name="pool">Shares the rows.</param>
    /// <param name="rows">Pixels of all images.</param>
    /// <param name="channels">Channels.</param>
    /// <param name="x">The forward input.</param>
    /// <param name="dy">The incoming gradient.</param>
    /// <param name="scale">Scale per channel.</param>
    /// <param name="gate">The activation that followed.</param>
    /// <param name="mean">The batch's mean.</param>
    /// <param name="inverse">The batch's inverse standard deviation.</param>
    /// <param name="dx">The gradient of x; may be <paramref name="dy"/>.</param>
    /// <param name="dscale">The gradient of the scale.</param>
    /// <param name="doffset">The gradient of the offset.</param>
    /// <param name="scratch"><see cref="ScratchSize"/> doubles.</param>
    public static void Backward(
        WorkPool pool, int rows, int channels, float* x, float* dy, float* scale, in Gate gate, float* mean, float* inverse,
        float* dx, float* dscale, float* doffset, double* scratch)
    {
        var work = (long)rows * channels;
        new Span<double>(scratch, 2 * pool.Workers * channels).Clear();
        var factor = (float*)(scratch + (2L * pool.Workers * channels));
        var shift = factor + channels;
        var isGated = gate.Offset is not null;
        for (var c = 0; isGated && c < channels; c++) Affine(scale[c], gate.Offset[c], mean[c], inverse[c], out factor[c], out shift[c]);
        var open = new OpenInterval { Factor = isGated ? factor : null, Shift = shift, Low = gate.Low, High = gate.High };
        var kernel = new SumKernel<GradientSums> { Rows = rows, Channels = channels, Sums = scratch, Of = new GradientSums { X = x, Dy = dy, Mean = mean, Open = open } };
        pool.Run(ref kernel, work);
        // dx = p g + q x + r per channel; p, q, r take the place of the sums.
        var p = (float*)(scratch + ((2L * pool.Workers) + 1) * channels);
        var q = (float*)scratch;
        var r = p + channels;
        var total = stackalloc double[2];
        for (var c = 0; c < channels; c++)
        {
            (total[0], total[1]) = (0, 0);
            for (var w = 0; w < pool.Workers; w++)
            {
                total[0] += scratch[(2L * w * channels) + c];
                total[1] += scratch[(((2L * w) + 1) * channels) + c];
            }
            doffset[c] = (float)total[0];
            dscale[c] = (float)(total[1] * inverse[c]);
        }
        for (var c = 0; c < channels; c++)
        {
            var k = (double)scale[c] * inverse[c];
            var slope = -k * inverse[c] * dscale[c] / rows;
            (p[c], q[c], r[c]) = ((float)k, (float)slope, (float)((-k * doffset[c] / rows) - (slope * mean[c])));
        }
        var combine = new Combine { Rows = rows, Channels = channels, X = x, Dy = dy, Dx = dx, P = p, Q = q, R = r, Open = open };
        pool.Run(ref combine, work);
    }

    private static void Affine(float scale, float offset, float mean, float inverse, out float factor, out float shift)
    {
        factor = scale * inverse;
        shift = (float)(offset - ((double)mean * factor));
    }

    /// <summary>Sums per channel over rows.</summary>
    private interface ISums
    {
        /// <summary>Asks for what a stretch of rows reads.</summary>
        void Prefetch(long at, long count);

        /// <summary>Adds what <paramref name="count"/> rows from <paramref name="at"/> on give the channels from c on, of which there are <paramref name="left"/>.</summary>
        void Add<L, V>(long at, int c, nint left, int count, nint channels, double* sums)
            where L : unmanaged, ILanes<V>
            where V : unmanaged;
    }

    /// <summary>Goes through stretches of rows, each asked for before, register by register of channels.</summary>
    private struct SumKernel<TSums> : IKernel
        where TSums : unmanaged, ISums
    {
        public int Rows;
        public int Channels;
        public double* Sums;
        public TSums Of;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (first, last) = WorkPool.Share(Rows, worker, workers);
            var sums = Sums + (2L * worker * Channels);
            for (var row = first; row < last; row += Stretch)
            {
                var (at, count) = ((long)row * Channels, Math.Min(Stretch, last - row));
                Of.Prefetch(at, (long)count * Channels);
                for (var c = 0; c < Channels; c += L.Count) Of.Add<L, V>(at + c, c, Channels - c, count, Channels, sums + c);
            }
        }
    }

    /// <summary>Sums of x - x0 and (x - x0)^2 per channel, where x0 is the first row: shifting keeps the difference of squares exact enough.</summary>
    private struct Moments : ISums
    {
        public float* X;

        public readonly void Prefetch(long at, long count) => Simd.Prefetch(X + at, count);

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Add<L, V>(long at, int c, nint left, int count, nint channels, double* sums)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var zero = Simd.Load<L, V>(X + c, left);
            var x = X + at;
            V sum = default, squares = default;
            for (; count > 0; count--, x += channels)
            {
                var d = L.Subtract(Simd.Load<L, V>(x, left), zero);
                sum = L.Add(sum, d);
                squares = L.MultiplyAdd(d, d, squares);
            }
            AddLanes<L, V>(sum, sums, left);
            AddLanes<L, V>(squares, sums + channels, left);
        }
    }

    /// <summary>y = clamp(factor x + shift + residual).</summary>
    private struct Apply : IKernel
    {
        public int Rows;
        public int Channels;
        public float* X;
        public float* Residual;
        public float* Y;
        public float* Factor;
        public float* Shift;
        public float Low;
        public float High;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (first, last) = WorkPool.Share(Rows, worker, workers);
            nint channels = Channels, start = (nint)first * channels;
            float* x = X + start, y = Y + start, residual = Residual is null ? null : Residual + start;
            float* factor = Factor, shift = Shift;
            var (low, high) = (Low, High);
            for (var row = first; row < last; row++, x += channels, y += channels)
            {
                for (nint c = 0; c < channels; c += L.Count)
                {
                    var left = channels - c;
                    var z = L.MultiplyAdd(Simd.Load<L, V>(x + c, left), Simd.Load<L, V>(factor + c, left), Simd.Load<L, V>(shift + c, left));
                    if (residual is not null) z = L.Add(z, Simd.Load<L, V>(residual + c, left));
                    Simd.Store<L, V>(L.Clamp(z, low, high), y + c, left);
                }
                if (residual is not null) residual += channels;
            }
        }
    }

    /// <summary>The gradient where the normalized value lay in an interval: what went through an activation.</summary>
    private struct OpenInterval
    {
        /// <summary>With <see cref="Shift"/> computes the normalized value again; null if everything passes.</summary>
        public float* Factor;

        public float* Shift;
        public float Low;
        public float High;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Pass<L, V>(V g, V x, V factor, V shift, float low, float high)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var z = L.MultiplyAdd(x, factor, shift);
            return L.Select(L.Equal(L.Clamp(z, low, high), z), g, default);
        }
    }

    /// <summary>Sums of g and g (x - mean) per channel.</summary>
    private struct GradientSums : ISums
    {
        public float* X;
        public float* Dy;
        public float* Mean;
        public OpenInterval Open;

        public readonly void Prefetch(long at, long count)
        {
            Simd.Prefetch(X + at, count);
            Simd.Prefetch(Dy + at, count);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Add<L, V>(long at, int c, nint left, int count, nint channels, double* sums)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var mean = Simd.Load<L, V>(Mean + c, left);
            float* x = X + at, dy = Dy + at;
            V sum = default, products = default;
            if (Open.Factor is null)
            {
                for (; count > 0; count--, x += channels, dy += channels)
                {
                    var g = Simd.Load<L, V>(dy, left);
                    sum = L.Add(sum, g);
                    products = L.MultiplyAdd(g, L.Subtract(Simd.Load<L, V>(x, left), mean), products);
                }
            }
            else
            {
                var (factor, shift) = (Simd.Load<L, V>(Open.Factor + c, left), Simd.Load<L, V>(Open.Shift + c, left));
                var (low, high) = (Open.Low, Open.High);
                for (; count > 0; count--, x += channels, dy += channels)
                {
                    var value = Simd.Load<L, V>(x, left);
                    var g = OpenInterval.Pass<L, V>(Simd.Load<L, V>(dy, left), value, factor, shift, low, high);
                    sum = L.Add(sum, g);
                    products = L.MultiplyAdd(g, L.Subtract(value, mean), products);
                }
            }
            AddLanes<L, V>(sum, sums, left);
            AddLanes<L, V>(products, sums + channels, left);
        }
    }

    /// <summary>dx = p g + q x + r.</summary>
    private struct Combine : IKernel
    {
        public int Rows;
        public int Channels;
        public float* X;
        public float* Dy;
        public float* Dx;
        public float* P;
        public float* Q;
        public float* R;
        public OpenInterval Open;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (first, last) = WorkPool.Share(Rows, worker, workers);
            if (Open.Factor is null) All<L, V>(first, last);
            else Gated<L, V>(first, last);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void All<L, V>(int first, int last)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            nint channels = Channels, start = (nint)first * channels;
            float* x = X + start, dy = Dy + start, dx = Dx + start, p = P, q = Q, r = R;
            for (var row = first; row < last; row++, x += channels, dy += channels, dx += channels)
            {
                for (nint c = 0; c < channels; c += L.Count)
                {
                    var left = channels - c;
                    var slope = L.MultiplyAdd(Simd.Load<L, V>(x + c, left), Simd.Load<L, V>(q + c, left), Simd.Load<L, V>(r + c, left));
                    Simd.Store<L, V>(L.MultiplyAdd(Simd.Load<L, V>(dy + c, left), Simd.Load<L, V>(p + c, left), slope), dx + c, left);
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Gated<L, V>(int first, int last)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            nint channels = Channels, start = (nint)first * channels;
            float* x = X + start, dy = Dy + start, dx = Dx + start, p = P, q = Q, r = R, factor = Open.Factor, shift = Open.Shift;
            var (low, high) = (Open.Low, Open.High);
            for (var row = first; row < last; row++, x += channels, dy += channels, dx += channels)
            {
                for (nint c = 0; c < channels; c += L.Count)
                {
                    var left = channels - c;
                    var value = Simd.Load<L, V>(x + c, left);
                    var g = OpenInterval.Pass<L, V>(Simd.Load<L, V>(dy + c, left), value, Simd.Load<L, V>(factor + c, left), Simd.Load<L, V>(shift + c, left), low, high);
                    var slope = L.MultiplyAdd(value, Simd.Load<L, V>(q + c, left), Simd.Load<L, V>(r + c, left));
                    Simd.Store<L, V>(L.MultiplyAdd(g, Simd.Load<L, V>(p + c, left), slope), dx + c, left);
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void AddLanes<L, V>(V value, double* sums, nint left)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var lanes = (float*)&value;
        for (var i = 0; i < Math.Min(L.Count, left); i++) sums[i] += lanes[i];
    }
}
