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
        var moments = new MomentKernel { Rows = rows, Channels = channels, X = x, Sums = scratch };
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
        var apply = new EachRow<Apply>
        {
            Rows = rows, Channels = channels, Of = new Apply { X = x, Residual = residual, Low = low, High = high, Y = y, Factor = factor, Shift = shift },
        };
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
        var kernel = new GradientKernel { Rows = rows, Channels = channels, X = x, Dy = dy, Mean = mean, Inverse = inverse, Sums = scratch };
        kernel.Open = new OpenInterval { Factor = isGated ? factor : null, Shift = shift, Low = gate.Low, High = gate.High };
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
        var combine = new EachRow<Combine>
        {
            Rows = rows, Channels = channels, Of = new Combine { X = x, Dy = dy, Dx = dx, P = p, Q = q, R = r, Open = kernel.Open },
        };
        pool.Run(ref combine, work);
    }

    private static void Affine(float scale, float offset, float mean, float inverse, out float factor, out float shift)
    {
        factor = scale * inverse;
        shift = (float)(offset - ((double)mean * factor));
    }

    /// <summary>Sums of x - x0 and (x - x0)^2 per channel, where x0 is the first row: shifting keeps the difference of squares exact enough.</summary>
    private struct MomentKernel : IKernel
    {
        public int Rows;
        public int Channels;
        public float* X;
        public double* Sums;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (first, last) = WorkPool.Share(Rows, worker, workers);
            var sums = Sums + (2L * worker * Channels);
            for (var row = first; row < last; row += Stretch)
            {
                var count = Math.Min(Stretch, last - row);
                Simd.Prefetch(X + ((long)row * Channels), (long)count * Channels);
                for (var c = 0; c < Channels; c += L.Count) Add<L, V>(X + ((long)row * Channels) + c, X + c, Channels - c, count, sums + c);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private readonly void Add<L, V>(float* x, float* origin, int left, int count, double* sums)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var zero = Simd.Load<L, V>(origin, left);
            V sum = default, squares = default;
            for (var i = 0; i < count; i++)
            {
                var d = L.Subtract(Simd.Load<L, V>(x, left), zero);
                sum = L.Add(sum, d);
                squares = L.MultiplyAdd(d, d, squares);
                x += Channels;
            }
            AddLanes<L, V>(sum, sums, left);
            AddLanes<L, V>(squares, sums + Channels, left);
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
        public readonly V Pass<L, V>(V g, V x, V factor, V shift)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var z = L.MultiplyAdd(x, factor, shift);
            return L.Select(L.Equal(L.Clamp(z, Low, High), z), g, L.Fill(0f));
        }
    }

    private static void AddLanes<L, V>(V value, double* sums, int left)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var lanes = (float*)&value;
        for (var i = 0; i < Math.Min(L.Count, left); i++) sums[i] += lanes[i];
    }

    /// <summary>What is done to one register of a row, or to what is left of it, from channel c on.</summary>
    private interface IChannels
    {
        void Do<L, V>(long at, int c, int left)
            where L : unmanaged, ILanes<V>
            where V : unmanaged;
    }

    private struct EachRow<TChannels> : IKernel
        where TChannels : unmanaged, IChannels
    {
        public int Rows;
        public int Channels;
        public TChannels Of;

        public void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (first, last) = WorkPool.Share(Rows, worker, workers);
            for (long row = first; row < last; row++)
            {
                var at = row * Channels;
                for (var c = 0; c < Channels; c += L.Count) Of.Do<L, V>(at, c, Channels - c);
            }
        }
    }

    private struct Apply : IChannels
    {
        public float* X;
        public float* Residual;
        public float* Y;
        public float* Factor;
        public float* Shift;
        public float Low;
        public float High;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Do<L, V>(long at, int c, int left)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var y = L.MultiplyAdd(Simd.Load<L, V>(X + at + c, left), Simd.Load<L, V>(Factor + c, left), Simd.Load<L, V>(Shift + c, left));
            if (Residual is not null) y = L.Add(y, Simd.Load<L, V>(Residual + at + c, left));
            y = L.Clamp(y, Low, High);
            Simd.Store<L, V>(y, Y + at + c, left);
        }
    }

    /// <summary>Sums of g and g (x - mean) per channel.</summary>
    private struct GradientKernel : IKernel
    {
        public int Rows;
        public int Channels;
        public float* X;
        public float* Dy;
        public float* Mean;
        public float* Inverse;
        public OpenInterval Open;
        public double* Sums;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (first, last) = WorkPool.Share(Rows, worker, workers);
            var sums = Sums + (2L * worker * Channels);
            for (var row = first; row < last; row += Stretch)
            {
                var count = Math.Min(Stretch, last - row);
                Simd.Prefetch(X + ((long)row * Channels), (long)count * Channels);
                Simd.Prefetch(Dy + ((long)row * Channels), (long)count * Channels);
                for (var c = 0; c < Channels; c += L.Count) Add<L, V>(((long)row * Channels) + c, c, Channels - c, count, sums + c);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private readonly void Add<L, V>(long at, int c, int left, int count, double* sums)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var mean = Simd.Load<L, V>(Mean + c, left);
            V sum = default, products = default, factor = default, shift = default;
            var isGated = Open.Factor is not null;
            if (isGated) (factor, shift) = (Simd.Load<L, V>(Open.Factor + c, left), Simd.Load<L, V>(Open.Shift + c, left));
            for (var i = 0; i < count; i++)
            {
                var x = Simd.Load<L, V>(X + at, left);
                var g = Simd.Load<L, V>(Dy + at, left);
                if (isGated) g = Open.Pass<L, V>(g, x, factor, shift);
                sum = L.Add(sum, g);
                products = L.MultiplyAdd(g, L.Subtract(x, mean), products);
                at += Channels;
            }
            AddLanes<L, V>(sum, sums, left);
            AddLanes<L, V>(products, sums + Channels, left);
        }
    }

    private struct Combine : IChannels
    {
        public float* X;
        public float* Dy;
        public float* Dx;
        public float* P;
        public float* Q;
        public float* R;
        public OpenInterval Open;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Do<L, V>(long at, int c, int left)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var x = Simd.Load<L, V>(X + at + c, left);
            var g = Simd.Load<L, V>(Dy + at + c, left);
            if (Open.Factor is not null) g = Open.Pass<L, V>(g, x, Simd.Load<L, V>(Open.Factor + c, left), Simd.Load<L, V>(Open.Shift + c, left));
            var dx = L.MultiplyAdd(g, Simd.Load<L, V>(P + c, left), L.MultiplyAdd(x, Simd.Load<L, V>(Q + c, left), Simd.Load<L, V>(R + c, left)));
            Simd.Store<L, V>(dx, Dx + at + c, left);
        }
    }
}
