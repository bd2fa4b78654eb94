using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

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
        var kernel = new ForwardKernel<TPool> { Lines = new WindowLines<float>(window, channels, countPadding, x, y) };
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

        static abstract V Leave<L, V>(V sum, int count)
            where L : unmanaged, ILanes<V>
            where V : unmanaged;
    }

    private readonly struct MaxPool : IPool
    {
        public static float Start => float.NegativeInfinity;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Enter<L, V>(V sum, V x)
            where L : unmanaged, ILanes<V>
            where V : unmanaged => L.Max(sum, x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Leave<L, V>(V sum, int count)
            where L : unmanaged, ILanes<V>
            where V : unmanaged => sum;
    }

    private readonly struct AveragePool : IPool
    {
        public static float Start => 0f;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Enter<L, V>(V sum, V x)
            where L : unmanaged, ILanes<V>
            where V : unmanaged => L.Add(sum, x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Leave<L, V>(V sum, int count)
            where L : unmanaged, ILanes<V>
            where V : unmanaged => L.Multiply(sum, L.Fill(count == 0 ? 0f : 1f / count));
    }

    /// <summary>A pooling of floats on registers of one width.</summary>
    private readonly struct FloatReduction<TPool, L, V> : IWindowReduction<float, V>
        where TPool : unmanaged, IPool
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        public static int Count => L.Count;

        public static V Start
        {
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            get => L.Fill(TPool.Start);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Load(float* source, int left) => Simd.Load<L, V>(source, left);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Store(V value, float* target, int left) => Simd.Store<L, V>(value, target, left);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Enter(V sum, V x) => TPool.Enter<L, V>(sum, x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Leave(V sum, int count) => TPool.Leave<L, V>(sum, count);
    }

    private struct ForwardKernel<TPool> : IKernel
        where TPool : unmanaged, IPool
    {
        public WindowLines<float> Lines;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged => Lines.Run<FloatReduction<TPool, L, V>, V>(worker, workers);
    }

    private struct BackwardKernel : IKernel
    {
        public PoolArguments At;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var w = At.Window;
            if (w.AreDisjoint)
            {
                var (start, end) = WorkPool.Share(w.Batch * w.OutHeight, worker, workers);
                for (var line = start; line < end; line++)
                    DisjointLine<L, V>(line);
                if (w.OutHeight == 0) Clear(worker, workers);
                return;
            }
            // Windows overlap: a worker owns strips of channels of whole images.
            var strips = (At.Channels + L.Count - 1) / L.Count;
            var (first, last) = WorkPool.Share(w.Batch * strips, worker, workers);
            for (var unit = first; unit < last; unit++)
            {
                var (n, strip) = Math.DivRem(unit, strips);
                Strip<L, V>(n, strip * L.Count);
            }
        }

        private readonly void Clear(int worker, int workers)
        {
            var (first, last) = WorkPool.ShareLines((long)At.Window.Batch * At.Window.Height * At.Window.Width * At.Channels, worker, workers);
            NativeMemory.Clear(At.Y + first, (nuint)((last - first) * sizeof(float)));
        }

        /// <summary>A line of windows that share no element: the lines of the image down to the next windows are written, not added to.</summary>
        private readonly void DisjointLine<L, V>(int line)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var w = At.Window;
            var (n, oy) = Math.DivRem(line, w.OutHeight);
            var image = (long)n * w.Height * w.Width * At.Channels;
            if (!w.AreCovering)
            {
                var top = oy == 0 ? 0 : Math.Clamp((oy * w.StrideHeight) - w.PadTop, 0, w.Height);
                var bottom = oy == w.OutHeight - 1 ? w.Height : Math.Clamp(((oy + 1) * w.StrideHeight) - w.PadTop, 0, w.Height);
                NativeMemory.Clear(At.Y + image + ((long)top * w.Width * At.Channels), (nuint)((long)(bottom - top) * w.Width * At.Channels * sizeof(float)));
            }
            var windows = w.OutWidth;
            if (At.IsMax)
            {
                LargestOfLine<L, V>(n, oy, windows, At.Gradient + ((long)line * windows * At.Channels));
                return;
            }
            for (var ox = 0; ox < windows; ox++)
            {
                var seen = PoolWindow.Of(w, oy, ox);
                var gradient = At.Gradient + ((((long)line * windows) + ox) * At.Channels);
                for (var c = 0; c < At.Channels; c += L.Count)
                    Window<L, V>(seen, image + c, At.Channels - c, gradient + c, adds: false);
            }
        }

        private readonly void Strip<L, V>(int n, int channel)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var w = At.Window;
            var left = At.Channels - channel;
            var image = ((long)n * w.Height * w.Width * At.Channels) + channel;
            for (var p = 0; p < w.Height * w.Width; p++)
                Simd.Store<L, V>(L.Fill(0f), At.Y + image + ((long)p * At.Channels), left);
            for (var oy = 0; oy < w.OutHeight; oy++)
            {
                for (var ox = 0; ox < w.OutWidth; ox++)
                {
                    var gradient = At.Gradient + (((((long)n * w.OutHeight) + oy) * w.OutWidth + ox) * At.Channels) + channel;
                    Window<L, V>(PoolWindow.Of(w, oy, ox), image, left, gradient, adds: true);
                }
            }
        }

        /// <summary>The share of one window in one strip of channels.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private readonly void Window<L, V>(PoolWindow seen, long image, int left, float* gradient, bool adds)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            if (At.IsMax)
                LargestOf<L, V>(seen, image, left, gradient, adds);
            else
                ToAll<L, V>(seen, image, left, L.Multiply(Simd.Load<L, V>(gradient, left), L.Fill(1f / (At.CountPadding ? At.Window.KernelHeight * At.Window.KernelWidth : seen.Count))), adds);
        }

        private readonly void ToAll<L, V>(PoolWindow seen, long image, int left, V gradient, bool adds)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            for (var y = seen.Top; y < seen.Bottom; y += At.Window.DilationHeight)
            {
                for (var x = seen.Left; x < seen.Right; x += At.Window.DilationWidth)
                {
                    var at = At.Y + image + ((((long)y * At.Window.Width) + x) * At.Channels);
                    Simd.Store<L, V>(adds ? L.Add(Simd.Load<L, V>(at, left), gradient) : gradient, at, left);
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void LargestOf<L, V>(PoolWindow seen, long image, int left, float* gradient, bool adds)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (down, along, width) = (At.Window.DilationHeight, At.Window.DilationWidth, At.Window.Width);
            var start = image + ((((long)seen.Top * width) + seen.Left) * At.Channels);
            var (rows, columns) = ((seen.Bottom - seen.Top + down - 1) / down, (seen.Right - seen.Left + along - 1) / along);
            ToLargest<L, V>(At.X + start, At.Y + start, rows, columns, (nint)down * width * At.Channels, (nint)along * At.Channels, left, gradient, adds);
        }

        /// <summary>A line of disjoint windows, each gradient to the first largest of its window and zeros beside it.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void LargestOfLine<L, V>(int image, int oy, int windows, float* gradients)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (width, stride, kernel, pad) = (At.Window.Width, At.Window.StrideWidth, At.Window.KernelWidth, At.Window.PadLeft);
            var seen = PoolWindow.Of(At.Window, oy, 0);
            nint channels = At.Channels, row = width * channels, line = ((image * At.Window.Height) + seen.Top) * row;
            for (nint c = 0; c < channels; c += L.Count)
            {
                var gradient = gradients + c;
                float* x = At.X + line + c, y = At.Y + line + c;
                for (var start = -pad; start < (windows * stride) - pad; start += stride, gradient += channels)
                {
                    var first = Math.Max(0, start);
                    ToLargest<L, V>(x + (first * channels), y + (first * channels), seen.Bottom - seen.Top, Math.Min(width, start + kernel) - first, row, channels, channels - c, gradient, adds: false);
                }
            }
        }

        /// <summary>One window: rows and columns, and floats from one to the next.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void ToLargest<L, V>(float* x, float* y, int rows, int columns, nint row, nint column, nint left, float* gradient, bool adds)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (largest, where, tap, one) = (L.Fill(float.NegativeInfinity), L.Fill(0f), L.Fill(0f), L.Fill(1f));
            for (var i = 0; i < rows; i++, x += row)
            {
                var at = x;
                for (var j = 0; j < columns; j++, at += column)
                {
                    var value = Simd.Load<L, V>(at, left);
                    var more = L.Less(largest, value);
                    largest = L.Select(more, value, largest);
                    where = L.Select(more, tap, where);
                    tap = L.Add(tap, one);
                }
            }
            var g = Simd.Load<L, V>(gradient, left);
            tap = L.Fill(0f);
            for (var i = 0; i < rows; i++, y += row)
            {
                var at = y;
                for (var j = 0; j < columns; j++, at += column)
                {
                    var share = L.Select(L.Equal(where, tap), g, L.Fill(0f));
                    Simd.Store<L, V>(adds ? L.Add(Simd.Load<L, V>(at, left), share) : share, at, left);
                    tap = L.Add(tap, one);
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
        if (dilation == 1) return (Math.Max(0, start), Math.Max(Math.Max(0, start), Math.Min(size, start + kernel)), Math.Max(0, Math.Min(size, start + kernel) - Math.Max(0, start)));
        var skipped = start < 0 ? (-start + dilation - 1) / dilation : 0;
        var end = Math.Min(size, start + ((kernel - 1) * dilation) + 1);
        start += skipped * dilation;
        return start >= end ? (0, 0, 0) : (start, end, ((end - start - 1) / dilation) + 1);
    }
}
