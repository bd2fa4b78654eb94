using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Nabi.Runtime.Kernels;

/// <summary>Pixels of floats as bits.</summary>
/// <remarks>Where words are running parities they run along a line of the copy, and a zero lies before each line, so that the parity of any stretch is the difference of two of them.</remarks>
/// <param name="input">[pixels][groups][channels].</param>
/// <param name="output">[lines][pixels][groups][words], if they are running each line behind <see cref="BitFormat.LineGap"/> words.</param>
/// <param name="groups">Groups of channels.</param>
/// <param name="format">The form of one group.</param>
/// <param name="threshold">Of ternary numbers: beyond it they are not 0.</param>
/// <param name="linePixels">Pixels of a line of the copy.</param>
internal readonly unsafe struct BitPixels(float* input, uint* output, int groups, BitFormat format, float threshold, long linePixels) : IPixelCopy
{
    public void Zero(long target, long count)
    {
        if (count == 0)
            return;
        var to = Target(target, out var last);
        new Span<uint>(to, checked((int)(count * groups * format.Words))).Fill(last);
    }

    public void Copy(long source, long target, long count)
    {
        var from = input + (source * groups * format.Channels);
        var to = Target(target, out var last);
        var (channels, words) = (format.Channels, format.Words);
        var runs = format.IsRunning ? uint.MaxValue : 0;
        for (var left = count * groups; left > 0; left--, from += channels, to += words)
            last = format.IsTernary ? Ternary(from, to, channels, last, runs) : Binary(from, to, channels, last, runs);
    }

    // Where a pixel goes, and the word that is there before it.
    private uint* Target(long pixel, out uint last)
    {
        var to = output + (pixel * groups * format.Words);
        last = 0;
        if (!format.IsRunning)
            return to;
        var (line, column) = Math.DivRem(pixel, linePixels);
        to += (line + 1) * BitFormat.LineGap;
        if (column == 0)
            to[-1] = 0;
        last = to[-1];
        return to;
    }

    private static uint Binary(float* x, uint* to, int channels, uint last, uint runs)
    {
        for (; channels >= 32; channels -= 32, x += 32)
            last = Put(to++, NotLess(x, 0), last, runs);
        if (channels == 0)
            return last;
        var word = 0u;
        for (var i = 0; i < channels; i++)
            word |= (x[i] >= 0 ? 1u : 0) << i;
        return Put(to, word, last, runs);
    }

    // First words: not below -threshold; second words: above it. What is no number is 0, and past the last channel all are.
    private uint Ternary(float* x, uint* to, int channels, uint last, uint runs)
    {
        for (; channels >= 32; channels -= 32, x += 32)
        {
            last = Put(to++, ~Below(x, -threshold), last, runs);
            last = Put(to++, Above(x, threshold), last, runs);
        }
        if (channels == 0)
            return last;
        var (first, second) = (uint.MaxValue, 0u);
        for (var i = 0; i < channels; i++)
        {
            first &= ~((x[i] < -threshold ? 1u : 0) << i);
            second |= (x[i] > threshold ? 1u : 0) << i;
        }
        return Put(to + 1, second, Put(to, first, last, runs), runs);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Put(uint* to, uint word, uint last, uint runs) => (*to = word ^ last) & runs;

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
