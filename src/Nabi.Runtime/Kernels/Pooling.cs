namespace Nabi.Runtime.Kernels;

/// <summary>Max and average pooling of NHWC images and their gradients. Global pooling is a <see cref="Reduction"/> over the pixels.</summary>
public static unsafe class Pooling
{
    /// <summary>y = largest value in each window; padding never wins. A window that sees only padding gives minus infinity.</summary>
    /// <param name="pool">Shares the work.</param>
    /// <param name="window">Geometry.</param>
    /// <param name="channels">Channels.</param>
    /// <param name="x">[Batch, Height, Width, channels].</param>
    /// <param name="y">[Batch, OutHeight, OutWidth, channels].</param>
    public static void Max(WorkPool pool, in WindowShape window, int channels, float* x, float* y) =>
        Forward<MaxPool>(pool, window, channels, false, x, y);

    /// <summary>y = mean of each window.</summary>
    /// <param name="pool">Shares the work.</param>
    /// <param name="window">Geometry.</param>
    /// <param name="channels">Channels.</param>
    /// <param name="countPadding">Whether padding counts in the divisor (ONNX count_include_pad).</param>
    /// <param name="x">[Batch, Height, Width, channels].</param>
    /// <param name="y">[Batch, OutHeight, OutWidth, channels].</param>
    public static void Average(WorkPool pool, in WindowShape window, int channels, bool countPadding, float* x, float* y) =>
        Forward<AveragePool>(pool, window, channels, countPadding, x, y);

    /// <summary>dx = gradient of <see cref="Max"/>: every window's gradient goes to its first largest element.</summary>
    /// <param name="pool">Shares the work.</param>
    /// <param name="window">Geometry.</param>
    /// <param name="channels">Channels.</param>
    /// <param name="x">[Batch, Height, Width, channels].</param>
    /// <param name="dy">[Batch, OutHeight, OutWidth, channels].</param>
    /// <param name="dx">[Batch, Height, Width, channels], overwritten.</param>
    public static void MaxGradient(WorkPool pool, in WindowShape window, int channels, float* x, float* dy, float* dx) =>
        Backward(pool, new PoolArguments { Window = window, Channels = channels, X = x, Gradient = dy, Y = dx, IsMax = true });

    /// <summary>dx = gradient of <see cref="Average"/>: every window's gradient is divided among the elements it saw.</summary>
    /// <param name="pool">Shares the work.</param>
    /// <param name="window">Geometry.</param>
    /// <param name="channels">Channels.</param>
    /// <param name="countPadding">As in the forward direction.</param>
    /// <param name="dy">[Batch, OutHeight, OutWidth, channels].</param>
    /// <param name="dx">[Batch, Height, Width, channels], overwritten.</param>
    public static void AverageGradient(WorkPool pool, in WindowShape window, int channels, bool countPadding, float* dy, float* dx) =>
        Backward(pool, new PoolArguments { Window = window, Channels = channels, CountPadding = countPadding, Gradient = dy, Y = dx });

    private static void Forward<TPool>(WorkPool pool, in WindowShape window, int channels, bool countPadding, float* x, float* y)
        where TPool : unmanaged, IPool
    {
        ArgumentNullException.ThrowIfNull(pool);
        window.Check();
        var kernel = new ForwardKernel<TPool>
        {
            At = new PoolArguments { Window = window, Channels = channels, CountPadding = countPadding, X = x, Y = y },
        };
        pool.Run(ref kernel, (long)window.Batch * window.OutHeight * window.OutWidth * window.KernelHeight * window.KernelWidth * channels);
    }

    private static void Backward(WorkPool pool, PoolArguments at)
    {
        ArgumentNullException.ThrowIfNull(pool);
        var w = at.Window;
        w.Check();
        var kernel = new BackwardKernel { At = at };
        pool.Run(ref kernel, (long)w.Batch * w.OutHeight * w.OutWidth * w.KernelHeight * w.KernelWidth * at.Channels);
    }

    private struct PoolArguments
    {
        public WindowShape Window;
        public int Channels;
        public bool CountPadding;
        public bool IsMax;
        public float* X;
        public float* Gradient;
        public float* Y;
    }

    private interface IPool
    {
        static abstract float Start { get; }

        static abstract V Enter<L, V>(V sum, V x)
            where L : unmanaged, ILanes<V>
            where V : unmanaged;

        static abstract float Scale(int count);
    }

    private readonly struct MaxPool : IPool
    {
        public static float Start => float.NegativeInfinity;

        public static V Enter<L, V>(V sum, V x)
            where L : unmanaged, ILanes<V>
            where V : unmanaged => L.Max(sum, x);

        public static float Scale(int count) => 1f;
    }

    private readonly struct AveragePool : IPool
    {
        public static float Start => 0f;

        public static V Enter<L, V>(V sum, V x)
            where L : unmanaged, ILanes<V>
            where V : unmanaged => L.Add(sum, x);

        public static float Scale(int count) => count == 0 ? 0f : 1f / count;
    }

    private struct ForwardKernel<TPool> : IKernel
        where TPool : unmanaged, IPool
    {
        public PoolArguments At;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var w = At.Window;
            var (first, last) = WorkPool.Share(w.Batch * w.OutHeight, worker, workers);
            for (var line = first; line < last; line++)
            {
                var (n, oy) = Math.DivRem(line, w.OutHeight);
                for (var ox = 0; ox < w.OutWidth; ox++)
                {
                    var seen = PoolWindow.Of(w, oy, ox);
                    var scale = TPool.Scale(At.CountPadding ? w.KernelHeight * w.KernelWidth : seen.Count);
                    var source = At.X + (((long)n * w.Height * w.Width) * At.Channels);
                    Pixel<L, V>(seen, source, At.Y + ((((long)line * w.OutWidth) + ox) * At.Channels), scale);
                }
            }
        }

        private readonly void Pixel<L, V>(PoolWindow seen, float* image, float* target, float scale)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            for (var c = 0; c < At.Channels; c += L.Count)
            {
                var part = Math.Min(L.Count, At.Channels - c);
                var sum = L.Fill(TPool.Start);
                for (var y = seen.Top; y < seen.Bottom; y += At.Window.DilationHeight)
                {
                    for (var x = seen.Left; x < seen.Right; x += At.Window.DilationWidth)
                    {
                        var from = image + ((((long)y * At.Window.Width) + x) * At.Channels) + c;
                        sum = TPool.Enter<L, V>(sum, part == L.Count ? L.Load(from) : Simd.LoadPart<V>(from, part));
                    }
                }
                sum = L.Multiply(sum, L.Fill(scale));
                if (part == L.Count)
                    L.Store(sum, target + c);
                else
                    Simd.StorePart(sum, target + c, part);
            }
        }
    }

    private struct BackwardKernel : IKernel
    {
        public PoolArguments At;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            // Windows overlap: a worker owns strips of channels of whole images.
            var w = At.Window;
            var strips = (At.Channels + L.Count - 1) / L.Count;
            var (first, last) = WorkPool.Share(w.Batch * strips, worker, workers);
            for (var unit = first; unit < last; unit++)
            {
                var (n, strip) = Math.DivRem(unit, strips);
                Strip<L, V>(n, strip * L.Count);
            }
        }

        private readonly void Strip<L, V>(int n, int channel)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var w = At.Window;
            var part = Math.Min(L.Count, At.Channels - channel);
            var image = ((long)n * w.Height * w.Width * At.Channels) + channel;
            for (var p = 0; p < w.Height * w.Width; p++)
                Simd.StorePart(L.Fill(0f), At.Y + image + ((long)p * At.Channels), part);
            for (var oy = 0; oy < w.OutHeight; oy++)
            {
                for (var ox = 0; ox < w.OutWidth; ox++)
                {
                    var seen = PoolWindow.Of(w, oy, ox);
                    var gradient = Simd.LoadPart<V>(At.Gradient + (((((long)n * w.OutHeight) + oy) * w.OutWidth + ox) * At.Channels) + channel, part);
                    if (At.IsMax)
                        ToLargest<L, V>(seen, image, part, gradient);
                    else
                        ToAll<L, V>(seen, image, part, L.Multiply(gradient, L.Fill(1f / (At.CountPadding ? w.KernelHeight * w.KernelWidth : seen.Count))));
                }
            }
        }

        private readonly void ToAll<L, V>(PoolWindow seen, long image, int part, V gradient)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            for (var y = seen.Top; y < seen.Bottom; y += At.Window.DilationHeight)
            {
                for (var x = seen.Left; x < seen.Right; x += At.Window.DilationWidth)
                {
                    var at = At.Y + image + ((((long)y * At.Window.Width) + x) * At.Channels);
                    Simd.StorePart(L.Add(Simd.LoadPart<V>(at, part), gradient), at, part);
                }
            }
        }

        private readonly void ToLargest<L, V>(PoolWindow seen, long image, int part, V gradient)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var largest = L.Fill(float.NegativeInfinity);
            var where = L.Fill(0f);
            for (var pass = 0; pass < 2; pass++)
            {
                var tap = 0f;
                for (var y = seen.Top; y < seen.Bottom; y += At.Window.DilationHeight)
                {
                    for (var x = seen.Left; x < seen.Right; x += At.Window.DilationWidth)
                    {
                        var at = image + ((((long)y * At.Window.Width) + x) * At.Channels);
                        if (pass == 0)
                        {
                            var value = Simd.LoadPart<V>(At.X + at, part);
                            var more = L.Less(largest, value);
                            largest = L.Select(more, value, largest);
                            where = L.Select(more, L.Fill(tap), where);
                        }
                        else
                        {
                            var share = L.Select(L.Equal(where, L.Fill(tap)), gradient, L.Fill(0f));
                            Simd.StorePart(L.Add(Simd.LoadPart<V>(At.Y + at, part), share), At.Y + at, part);
                        }
                        tap++;
                    }
                }
            }
        }
    }
}

/// <summary>The part of a pooling window that lies inside the image: rows Top, Top + dilation, ... below Bottom, and columns alike.</summary>
internal readonly record struct PoolWindow(int Top, int Bottom, int Left, int Right, int Count)
{
    public static PoolWindow Of(in WindowShape w, int oy, int ox)
    {
        var (top, bottom, rows) = Clip((oy * w.StrideHeight) - w.PadTop, w.KernelHeight, w.DilationHeight, w.Height);
        var (left, right, columns) = Clip((ox * w.StrideWidth) - w.PadLeft, w.KernelWidth, w.DilationWidth, w.Width);
        return new PoolWindow(top, bottom, left, right, rows * columns);
    }

    private static (int Start, int End, int Count) Clip(int start, int kernel, int dilation, int size)
    {
        var skipped = start < 0 ? (-start + dilation - 1) / dilation : 0;
        var end = Math.Min(size, start + ((kernel - 1) * dilation) + 1);
        start += skipped * dilation;
        return start >= end ? (0, 0, 0) : (start, end, ((end - start - 1) / dilation) + 1);
    }
}
