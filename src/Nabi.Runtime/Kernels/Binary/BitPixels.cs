using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Nabi.Runtime.Kernels;

/// <summary>Pixels of floats as bits.</summary>
/// <param name="input">[pixels][groups][channels].</param>
/// <param name="output">[pixels][groups][pairs of words].</param>
/// <param name="groups">Groups of channels.</param>
/// <param name="format">The form of one group.</param>
/// <param name="threshold">Of ternary numbers: beyond it they are not 0.</param>
internal readonly unsafe struct BitPixels(float* input, ulong* output, int groups, BitFormat format, float threshold) : IPixelCopy
{
    public void Zero(long target, long count)
    {
        if (count > 0)
            new Span<ulong>(output + (target * groups * format.Pairs), checked((int)(count * groups * format.Pairs))).Fill(format.Padding);
    }

    public void Copy(long source, long target, long count)
    {
        var from = input + (source * groups * format.Channels);
        var to = output + (target * groups * format.Pairs);
        for (var left = count * groups; left > 0; left--, from += format.Channels, to += format.Pairs)
        {
            if (format.IsTernary)
                Ternary(from, to);
            else
                Binary(from, to);
        }
    }

    private void Binary(float* x, ulong* to)
    {
        var (channels, isPaired) = (format.Channels, format.IsPaired);
        var c = 0;
        for (; c <= channels - 64; c += 64, to++)
        {
            var pair = NotLess(x + c, 0) | ((ulong)NotLess(x + c + 32, 0) << 32);
            *to = isPaired ? pair ^ (pair << 32) : pair;
        }
        if (c == channels)
            return;
        ulong tail = 0;
        var done = 0;
        if (channels - c >= 32)
            (tail, done) = (NotLess(x + c, 0), 32);
        for (; c + done < channels; done++)
            tail |= (x[c + done] >= 0 ? 1ul : 0) << done;
        *to = isPaired ? tail ^ (tail << 32) : tail;
    }

    // b1 = not below -threshold, b2 = above threshold; what is no number is 0 and past the last channel all are.
    private void Ternary(float* x, ulong* to)
    {
        var channels = format.Channels;
        var c = 0;
        for (; c <= channels - 32; c += 32, to++)
            *to = format.Stored(~Below(x + c, -threshold), Above(x + c, threshold));
        if (c == channels)
            return;
        var (first, second) = (uint.MaxValue, 0u);
        for (var i = 0; c + i < channels; i++)
        {
            first &= ~((x[c + i] < -threshold ? 1u : 0) << i);
            second |= (x[c + i] > threshold ? 1u : 0) << i;
        }
        *to = format.Stored(first, second);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint NotLess(float* x, float limit) => Compare<NotLessThan>(x, limit);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Below(float* x, float limit) => Compare<LessThan>(x, limit);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Above(float* x, float limit) => Compare<GreaterThan>(x, limit);

    // One bit for each of 32 floats.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Compare<T>(float* x, float limit)
        where T : IComparison
    {
        var bits = 0u;
        if (Vector512.IsHardwareAccelerated)
        {
            return (uint)(T.Of(Vector512.Load(x), Vector512.Create(limit)) | (T.Of(Vector512.Load(x + 16), Vector512.Create(limit)) << 16));
        }
        if (Vector256.IsHardwareAccelerated)
        {
            for (var i = 0; i < 32; i += 8)
                bits |= T.Of(Vector256.Load(x + i), Vector256.Create(limit)) << i;
            return bits;
        }
        if (Vector128.IsHardwareAccelerated)
        {
            for (var i = 0; i < 32; i += 4)
                bits |= T.Of(Vector128.Load(x + i), Vector128.Create(limit)) << i;
            return bits;
        }
        for (var i = 0; i < 32; i++)
            bits |= (T.Of(x[i], limit) ? 1u : 0) << i;
        return bits;
    }

    private interface IComparison
    {
        static abstract bool Of(float x, float limit);

        static abstract uint Of(Vector128<float> x, Vector128<float> limit);

        static abstract uint Of(Vector256<float> x, Vector256<float> limit);

        static abstract ulong Of(Vector512<float> x, Vector512<float> limit);
    }

    private readonly struct NotLessThan : IComparison
    {
        public static bool Of(float x, float limit) => x >= limit;

        public static uint Of(Vector128<float> x, Vector128<float> limit) => Vector128.GreaterThanOrEqual(x, limit).ExtractMostSignificantBits();

        public static uint Of(Vector256<float> x, Vector256<float> limit) => Vector256.GreaterThanOrEqual(x, limit).ExtractMostSignificantBits();

        public static ulong Of(Vector512<float> x, Vector512<float> limit) => Vector512.GreaterThanOrEqual(x, limit).ExtractMostSignificantBits();
    }

    private readonly struct LessThan : IComparison
    {
        public static bool Of(float x, float limit) => x < limit;

        public static uint Of(Vector128<float> x, Vector128<float> limit) => Vector128.LessThan(x, limit).ExtractMostSignificantBits();

        public static uint Of(Vector256<float> x, Vector256<float> limit) => Vector256.LessThan(x, limit).ExtractMostSignificantBits();

        public static ulong Of(Vector512<float> x, Vector512<float> limit) => Vector512.LessThan(x, limit).ExtractMostSignificantBits();
    }

    private readonly struct GreaterThan : IComparison
    {
        public static bool Of(float x, float limit) => x > limit;

        public static uint Of(Vector128<float> x, Vector128<float> limit) => Vector128.GreaterThan(x, limit).ExtractMostSignificantBits();

        public static uint Of(Vector256<float> x, Vector256<float> limit) => Vector256.GreaterThan(x, limit).ExtractMostSignificantBits();

        public static ulong Of(Vector512<float> x, Vector512<float> limit) => Vector512.GreaterThan(x, limit).ExtractMostSignificantBits();
    }
}
