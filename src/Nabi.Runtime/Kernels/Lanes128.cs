using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Nabi.Runtime.Kernels;

/// <summary>4 floats in a <see cref="Vector128{T}"/>.</summary>
internal readonly unsafe struct Lanes128 : ILanes<Vector128<float>>
{
    private const int MantissaBits = 23;

    /// <summary>2^n is infinite, or too small, beyond this.</summary>
    private const float MostExponent = 160;

    /// <summary>Bits of sqrt(1/2), from which the mantissa interval of <see cref="Split"/> starts.</summary>
    private const int HalfRootBits = 0x3f3504f3;

    public static int Count => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Load(float* source) => Vector128.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector128<float> value, float* target) => value.Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Broadcast(float* source) => Vector128.Create(*source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Fill(float value) => Vector128.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Add(Vector128<float> a, Vector128<float> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Subtract(Vector128<float> a, Vector128<float> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Multiply(Vector128<float> a, Vector128<float> b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Divide(Vector128<float> a, Vector128<float> b) => a / b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> MultiplyAdd(Vector128<float> a, Vector128<float> b, Vector128<float> c) => Vector128.MultiplyAddEstimate(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Clamp(Vector128<float> value, float low, float high) => Min(Fill(high), Max(Fill(low), value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Min(Vector128<float> a, Vector128<float> b) => Vector128.MinNative(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Max(Vector128<float> a, Vector128<float> b) => Vector128.MaxNative(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Sqrt(Vector128<float> value) => Vector128.Sqrt(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Abs(Vector128<float> value) => Vector128.Abs(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Negate(Vector128<float> value) => -value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Round(Vector128<float> value) => Vector128.Round(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> CopySign(Vector128<float> magnitude, Vector128<float> sign) => Vector128.CopySign(magnitude, sign);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Less(Vector128<float> a, Vector128<float> b) => Vector128.LessThan(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Equal(Vector128<float> a, Vector128<float> b) => Vector128.Equals(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Select(Vector128<float> mask, Vector128<float> yes, Vector128<float> no) => Vector128.ConditionalSelect(mask, yes, no);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Fraction(Vector128<float> value, out Vector128<float> whole)
    {
        var bounded = Clamp(value, -MostExponent, MostExponent);
        whole = Vector128.Floor(bounded);
        return bounded - whole;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Scale(Vector128<float> value, Vector128<float> n)
    {
        // In two steps, since n may be beyond the exponents of normal numbers; only the second can round.
        var all = Vector128.ConvertToInt32Native(n);
        var half = all >> 1;
        var bias = Vector128.Create(127);
        return value * ((half + bias) << MantissaBits).AsSingle() * ((all - half + bias) << MantissaBits).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Split(Vector128<float> value, out Vector128<float> exponent)
    {
        var shifted = value.AsInt32() - Vector128.Create(HalfRootBits);
        var e = shifted >> MantissaBits;
        exponent = Vector128.ConvertToSingle(e);
        return (value.AsInt32() - (e << MantissaBits)).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Nibble(Vector128<float> packed, int index) => Vector128.ConvertToSingle((packed.AsInt32() << (28 - (4 * index))) >> 28);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Entry(Vector128<float> packed, int index, float* table)
    {
        var places = (packed.AsInt32() >>> (4 * index)) & Vector128.Create(15);
        return Vector128.Create(table[places[0]], table[places[1]], table[places[2]], table[places[3]]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector128<float> value) => Vector128.Sum(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Largest(Vector128<float> value)
    {
        var pairs = Max(value, Vector128.Shuffle(value, Vector128.Create(2, 3, 0, 1)));
        return Max(pairs, Vector128.Shuffle(pairs, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePairs(Vector128<float> a, Vector128<float> b, float* target)
    {
        var (low, high) = (Vector128.Create(0, 0, 1, 1), Vector128.Create(2, 2, 3, 3));
        var even = Vector128.Create(-1, 0, -1, 0).AsSingle();
        Store(Select(even, Vector128.Shuffle(a, low), Vector128.Shuffle(b, low)), target);
        Store(Select(even, Vector128.Shuffle(a, high), Vector128.Shuffle(b, high)), target + Count);
    }

    public static void Transpose(float* source, nint stride, float* target, nint targetStride)
    {
        var (a, b, c, d) = (Load(source), Load(source + stride), Load(source + (2 * stride)), Load(source + (3 * stride)));
        var (a0c0, a2c2) = (Interleave(a, c, 0), Interleave(a, c, 2));   // a0 c0 a1 c1, a2 c2 a3 c3
        var (b0d0, b2d2) = (Interleave(b, d, 0), Interleave(b, d, 2));
        Store(Interleave(a0c0, b0d0, 0), target);   // a0 b0 c0 d0
        Store(Interleave(a0c0, b0d0, 2), target + targetStride);
        Store(Interleave(a2c2, b2d2, 0), target + (2 * targetStride));
        Store(Interleave(a2c2, b2d2, 2), target + (3 * targetStride));
    }

    /// <summary>Two lanes of each in turn, from lane 0 or 2 on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Interleave(Vector128<float> a, Vector128<float> b, int from)
    {
        if (Sse.IsSupported)
            return from == 0 ? Sse.UnpackLow(a, b) : Sse.UnpackHigh(a, b);
        var lanes = Vector128.Create(from, from, from + 1, from + 1);
        return Select(Vector128.Create(-1, 0, -1, 0).AsSingle(), Vector128.Shuffle(a, lanes), Vector128.Shuffle(b, lanes));
    }
}
