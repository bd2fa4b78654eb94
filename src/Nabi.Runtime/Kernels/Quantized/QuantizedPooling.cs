using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Nabi.Runtime.Kernels;

/// <summary>Pooling of 8-bit NHWC images. Global pooling is a window of the image's size.</summary>
public static unsafe class QuantizedPooling
{
    /// <summary>Largest stored value of each window; input and output share one format.</summary>
    /// <param name="pool">Shares the work.</param>
    /// <param name="window">Geometry.</param>
    /// <param name="channels">Channels.</param>
    /// <param name="isSigned">Whether values are int8 or uint8.</param>
    /// <param name="x">[Batch, Height, Width, channels].</param>
    /// <param name="y">[Batch, OutHeight, OutWidth, channels]; a window that sees only padding gives the smallest stored value.</param>
    public static void Max(WorkPool pool, in WindowShape window, int channels, bool isSigned, byte* x, byte* y)
    {
        ArgumentNullException.ThrowIfNull(pool);
        window.Check();
        var work = (long)window.Batch * window.OutHeight * window.OutWidth * window.KernelHeight * window.KernelWidth * channels / sizeof(float);
        if (isSigned)
        {
            var kernel = new MaxKernel<sbyte> { Lines = new WindowLines<sbyte>(window, channels, false, (sbyte*)x, (sbyte*)y) };
            pool.Run(ref kernel, work);
        }
        else
        {
            var kernel = new MaxKernel<byte> { Lines = new WindowLines<byte>(window, channels, false, x, y) };
            pool.Run(ref kernel, work);
        }
    }

    /// <summary>Mean of each window: y = clamp(zero_y + round(m * sum (x - zero_x))) with m = scale_x / (scale_y * count), rounded by <see cref="Requantizer"/>.</summary>
    /// <param name="pool">Shares the work.</param>
    /// <param name="window">Geometry.</param>
    /// <param name="channels">Channels.</param>
    /// <param name="countPadding">Whether padding (as real zeros) counts.</param>
    /// <param name="x">[Batch, Height, Width, channels].</param>
    /// <param name="input">Its format.</param>
    /// <param name="y">[Batch, OutHeight, OutWidth, channels].</param>
    /// <param name="output">Its format.</param>
    public static void Average(
        WorkPool pool, in WindowShape window, int channels, bool countPadding, byte* x, QuantizedFormat input, byte* y, QuantizedFormat output)
    {
        ArgumentNullException.ThrowIfNull(pool);
        window.Check();
        input.Check();
        output.Check();
        var kernel = new AverageKernel
        {
            Window = window, Channels = channels, CountPadding = countPadding, X = x, Input = input, Y = y, Output = output,
        };
        pool.Run(ref kernel, (long)window.Batch * window.OutHeight * window.OutWidth * window.KernelHeight * window.KernelWidth * channels);
    }

    // The widest registers that a pixel fills.
    private struct MaxKernel<T> : IKernel
        where T : unmanaged, INumber<T>, IMinMaxValue<T>
    {
        public WindowLines<T> Lines;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            if (Vector512.IsHardwareAccelerated && Lines.Channels >= Vector512<T>.Count)
                Lines.Run<Largest512<T>, Vector512<T>>(worker, workers);
            else if (Vector256.IsHardwareAccelerated && Lines.Channels >= Vector256<T>.Count)
                Lines.Run<Largest256<T>, Vector256<T>>(worker, workers);
            else if (Vector128.IsHardwareAccelerated && Lines.Channels >= Vector128<T>.Count)
                Lines.Run<Largest128<T>, Vector128<T>>(worker, workers);
            else
                Lines.Run<Largest<T>, T>(worker, workers);
        }
    }

    private readonly struct Largest512<T> : IWindowReduction<T, Vector512<T>>
        where T : unmanaged, INumber<T>, IMinMaxValue<T>
    {
        public static int Count => Vector512<T>.Count;

        public static Vector512<T> Start
        {
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            get => Vector512.Create(T.MinValue);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Load(T* source, int left) => Vector512.Load(source);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Store(Vector512<T> value, T* target, int left) => value.Store(target);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Enter(Vector512<T> sum, Vector512<T> x) => Vector512.Max(sum, x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Leave(Vector512<T> sum, int count) => sum;
    }

    private readonly struct Largest256<T> : IWindowReduction<T, Vector256<T>>
        where T : unmanaged, INumber<T>, IMinMaxValue<T>
    {
        public static int Count => Vector256<T>.Count;

        public static Vector256<T> Start
        {
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            get => Vector256.Create(T.MinValue);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<T> Load(T* source, int left) => Vector256.Load(source);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Store(Vector256<T> value, T* target, int left) => value.Store(target);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<T> Enter(Vector256<T> sum, Vector256<T> x) => Vector256.Max(sum, x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<T> Leave(Vector256<T> sum, int count) => sum;
    }

    private readonly struct Largest128<T> : IWindowReduction<T, Vector128<T>>
        where T : unmanaged, INumber<T>, IMinMaxValue<T>
    {
        public static int Count => Vector128<T>.Count;

        public static Vector128<T> Start
        {
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            get => Vector128.Create(T.MinValue);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector128<T> Load(T* source, int left) => Vector128.Load(source);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Store(Vector128<T> value, T* target, int left) => value.Store(target);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector128<T> Enter(Vector128<T> sum, Vector128<T> x) => Vector128.Max(sum, x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector128<T> Leave(Vector128<T> sum, int count) => sum;
    }

    private readonly struct Largest<T> : IWindowReduction<T, T>
        where T : unmanaged, INumber<T>, IMinMaxValue<T>
    {
        public static int Count => 1;

        public static T Start => T.MinValue;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static T Load(T* source, int left) => *source;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Store(T value, T* target, int left) => *target = value;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static T Enter(T sum, T x) => T.Max(sum, x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static T Leave(T sum, int count) => sum;
    }

    private struct AverageKernel : IKernel
    {
        /// <summary>Channels summed at a time.</summary>
        private const int Strip = 64;

        public WindowShape Window;
        public int Channels;
        public bool CountPadding;
        public byte* X;
        public QuantizedFormat Input;
        public byte* Y;
        public QuantizedFormat Output;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var w = Window;
            var (first, last) = WorkPool.Share(w.Batch * w.OutHeight, worker, workers);
            var known = 0;
            var rule = default(Requantizer);
            for (var line = first; line < last; line++)
            {
                var (n, oy) = Math.DivRem(line, w.OutHeight);
                for (var ox = 0; ox < w.OutWidth; ox++)
                {
                    var seen = PoolWindow.Of(w, oy, ox);
                    var count = Math.Max(1, CountPadding ? w.KernelHeight * w.KernelWidth : seen.Count);
                    if (count != known)
                        rule = Requantizer.Of(Input.Scale / ((double)Output.Scale * count));
                    known = count;
                    Pixel(seen, X + ((long)n * w.Height * w.Width * Channels), Y + ((((long)line * w.OutWidth) + ox) * Channels), rule);
                }
            }
        }

        private readonly void Pixel(PoolWindow seen, byte* image, byte* target, Requantizer rule)
        {
            var start = 0;
            if (RequantizeLanes512.IsSupported && Channels >= 16)
            {
                var lanes = new RequantizeLanes512(Vector512.Create(rule.Shift), new QuantizedRange(Output.ZeroPoint, Output.Min, Output.Max));
                for (; start < Channels; start += 16)
                {
                    var at = Math.Min(start, Channels - 16);   // the last channels are done with some before them, again
                    Sixteen(seen, image + at, target + at, lanes, Vector512.Create(rule.Significand));
                }
                return;
            }
            for (; start < Channels; start += Strip)
                Some(seen, image + start, target + start, Math.Min(Strip, Channels - start), rule);
        }

        private readonly void Sixteen(PoolWindow seen, byte* image, byte* target, in RequantizeLanes512 lanes, Vector512<int> significand)
        {
            var sums = Vector512<int>.Zero;
            var zero = Vector512.Create(Input.ZeroPoint);
            for (var y = seen.Top; y < seen.Bottom; y += Window.DilationHeight)
            {
                for (var x = seen.Left; x < seen.Right; x += Window.DilationWidth)
                {
                    var bytes = Vector128.Load(image + ((((long)y * Window.Width) + x) * Channels));
                    sums += (Input.IsSigned ? Avx512F.ConvertToVector512Int32(bytes.AsSByte()) : Avx512F.ConvertToVector512Int32(bytes)) - zero;
                }
            }
            var odd = Avx512F.Multiply(RequantizeLanes512.Odd(sums), significand);
            lanes.Round(Avx512F.Multiply(sums, significand), odd).Store(target);
        }

        private readonly void Some(PoolWindow seen, byte* image, byte* target, int count, Requantizer rule)
        {
            var sums = stackalloc int[Strip];
            new Span<int>(sums, count).Clear();
            for (var y = seen.Top; y < seen.Bottom; y += Window.DilationHeight)
            {
                for (var x = seen.Left; x < seen.Right; x += Window.DilationWidth)
                {
                    var source = image + ((((long)y * Window.Width) + x) * Channels);
                    var c = 0;
                    if (Vector128.IsHardwareAccelerated)
                    {
                        for (; c <= count - 16; c += 16)
                            AddTo(sums + c, Vector128.Load(source + c));
                    }
                    for (; c < count; c++)
                        sums[c] += QuantizedFormat.Read(source + c, Input.IsSigned) - Input.ZeroPoint;
                }
            }
            var i = 0;
            if (RequantizeLanes256.IsSupported)
            {
                var lanes = new RequantizeLanes256(Vector256.Create(rule.Shift), new QuantizedRange(Output.ZeroPoint, Output.Min, Output.Max));
                var significand = Vector256.Create(rule.Significand);
                for (; i <= count - 8; i += 8)
                {
                    var eight = Vector256.Load(sums + i);
                    var odd = Avx2.Multiply(RequantizeLanes256.Odd(eight), significand);
                    *(ulong*)(target + i) = lanes.Round(Avx2.Multiply(eight, significand), odd).AsUInt64().ToScalar();
                }
            }
            for (; i < count; i++)
                target[i] = (byte)rule.Apply(sums[i], Output.ZeroPoint, Output.Min, Output.Max);
        }

        private readonly void AddTo(int* sums, Vector128<byte> bytes)
        {
            var zero = Vector128.Create((short)Input.ZeroPoint);
            var (low, high) = Input.IsSigned
                ? Vector128.Widen(bytes.AsSByte())
                : (Vector128.WidenLower(bytes).AsInt16(), Vector128.WidenUpper(bytes).AsInt16());
            var (a, b) = Vector128.Widen(low - zero);
            var (c, d) = Vector128.Widen(high - zero);
            (Vector128.Load(sums) + a).Store(sums);
            (Vector128.Load(sums + 4) + b).Store(sums + 4);
            (Vector128.Load(sums + 8) + c).Store(sums + 8);
            (Vector128.Load(sums + 12) + d).Store(sums + 12);
        }
    }
}
