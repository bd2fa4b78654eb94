using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Nabi.Runtime.Kernels;

/// <summary>8 floats in a <see cref="Vector256{T}"/>.</summary>
internal readonly unsafe struct Lanes256 : ILanes<Vector256<float>>
{
    private const int MantissaBits = 23;

    /// <summary>2^n is infinite, or too small, beyond this.</summary>
    private const float MostExponent = 160;

    /// <summary>Bits of sqrt(1/2), from which the mantissa interval of <see cref="Split"/> starts.</summary>
    private const int HalfRootBits = 0x3f3504f3;

    public static int Count => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load(float* source) => Vector256.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector256<float> value, float* target) => value.Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Broadcast(float* source) => Vector256.Create(*source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Fill(float value) => Vector256.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Add(Vector256<float> a, Vector256<float> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Subtract(Vector256<float> a, Vector256<float> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Multiply(Vector256<float> a, Vector256<float> b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Divide(Vector256<float> a, Vector256<float> b) => a / b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> MultiplyAdd(Vector256<float> a, Vector256<float> b, Vector256<float> c) => Vector256.MultiplyAddEstimate(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Clamp(Vector256<float> value, float low, float high) => Min(Fill(high), Max(Fill(low), value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Min(Vector256<float> a, Vector256<float> b) => Vector256.MinNative(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Max(Vector256<float> a, Vector256<float> b) => Vector256.MaxNative(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Sqrt(Vector256<float> value) => Vector256.Sqrt(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Abs(Vector256<float> value) => Vector256.Abs(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Negate(Vector256<float> value) => -value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Round(Vector256<float> value) => Vector256.Round(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> CopySign(Vector256<float> magnitude, Vector256<float> sign) => Vector256.CopySign(magnitude, sign);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Less(Vector256<float> a, Vector256<float> b) => Vector256.LessThan(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Equal(Vector256<float> a, Vector256<float> b) => Vector256.Equals(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Select(Vector256<float> mask, Vector256<float> yes, Vector256<float> no) => Vector256.ConditionalSelect(mask, yes, no);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Fraction(Vector256<float> value, out Vector256<float> whole)
    {
        var bounded = Clamp(value, -MostExponent, MostExponent);
        whole = Vector256.Floor(bounded);
        return bounded - whole;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scale(Vector256<float> value, Vector256<float> n)
    {
        // In two steps, since n may be beyond the exponents of normal numbers; only the second can round.
        var all = Vector256.ConvertToInt32Native(n);
        var half = all >> 1;
        var bias = Vector256.Create(127);
        return value * ((half + bias) << MantissaBits).AsSingle() * ((all - half + bias) << MantissaBits).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Split(Vector256<float> value, out Vector256<float> exponent)
    {
        var shifted = value.AsInt32() - Vector256.Create(HalfRootBits);
        var e = shifted >> MantissaBits;
        exponent = Vector256.ConvertToSingle(e);
        return (value.AsInt32() - (e << MantissaBits)).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Nibble(Vector256<float> packed, int index) => Vector256.ConvertToSingle((packed.AsInt32() << (28 - (4 * index))) >> 28);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Entry(Vector256<float> packed, int index, float* table)
    {
        if (!Avx2.IsSupported)
            return Vector256.Create(Lanes128.Entry(packed.GetLower(), index, table), Lanes128.Entry(packed.GetUpper(), index, table));
        var places = packed.AsInt32() >>> (4 * index);
        var (low, high) = (Avx2.PermuteVar8x32(Vector256.Load(table), places), Avx2.PermuteVar8x32(Vector256.Load(table + 8), places));   // by the low three bits
        return Vector256.ConditionalSelect(Vector256.Equals(places & Vector256.Create(8), Vector256<int>.Zero).AsSingle(), low, high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector256<float> value) => Vector256.Sum(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Largest(Vector256<float> value) => Lanes128.Largest(Lanes128.Max(value.GetLower(), value.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePairs(Vector256<float> a, Vector256<float> b, float* target)
    {
        var (low, high) = (Vector256.Create(0, 0, 1, 1, 2, 2, 3, 3), Vector256.Create(4, 4, 5, 5, 6, 6, 7, 7));
        var even = Vector256.Create(-1, 0, -1, 0, -1, 0, -1, 0).AsSingle();
        Store(Select(even, Vector256.Shuffle(a, low), Vector256.Shuffle(b, low)), target);
        Store(Select(even, Vector256.Shuffle(a, high), Vector256.Shuffle(b, high)), target + Count);
    }

    public static void Transpose(float* source, nint stride, float* target, nint targetStride)
    {
        // Rows 0 to 3 in the lower halves and 4 to 7 in the upper ones: 4 x 4 blocks, each transposed within its half.
        for (var column = 0; column < Count; column += 4, source += 4, target += 4 * targetStride)
        {
            var (a, b, c, d) = (Halves(source, stride), Halves(source + stride, stride), Halves(source + (2 * stride), stride), Halves(source + (3 * stride), stride));
            var (low, high) = (Avx.UnpackLow(a, c), Avx.UnpackHigh(a, c));   // a0 c0 a1 c1, a2 c2 a3 c3
            var (low2, high2) = (Avx.UnpackLow(b, d), Avx.UnpackHigh(b, d));
            Store(Avx.UnpackLow(low, low2), target);   // a0 b0 c0 d0
            Store(Avx.UnpackHigh(low, low2), target + targetStride);
            Store(Avx.UnpackLow(high, high2), target + (2 * targetStride));
            Store(Avx.UnpackHigh(high, high2), target + (3 * targetStride));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Halves(float* row, nint stride) => Vector256.Create(Vector128.Load(row), Vector128.Load(row + (4 * stride)));
}
