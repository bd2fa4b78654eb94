using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Nabi.Runtime.Kernels;

/// <summary>16 floats in a <see cref="Vector512{T}"/>.</summary>
internal readonly unsafe struct Lanes512 : ILanes<Vector512<float>>
{
    private const int MantissaBits = 23;

    /// <summary>Bits of sqrt(1/2), from which the mantissa interval of <see cref="Split"/> starts.</summary>
    private const int HalfRootBits = 0x3f3504f3;

    public static int Count => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(float* source) => Vector512.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> value, float* target) => value.Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Broadcast(float* source) => Vector512.Create(*source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Fill(float value) => Vector512.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Add(Vector512<float> a, Vector512<float> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Subtract(Vector512<float> a, Vector512<float> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Multiply(Vector512<float> a, Vector512<float> b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Divide(Vector512<float> a, Vector512<float> b) => a / b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> MultiplyAdd(Vector512<float> a, Vector512<float> b, Vector512<float> c) => Vector512.MultiplyAddEstimate(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Clamp(Vector512<float> value, float low, float high) => Min(Fill(high), Max(Fill(low), value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Min(Vector512<float> a, Vector512<float> b) => Vector512.MinNative(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Max(Vector512<float> a, Vector512<float> b) => Vector512.MaxNative(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Sqrt(Vector512<float> value) => Vector512.Sqrt(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Abs(Vector512<float> value) => Vector512.Abs(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Negate(Vector512<float> value) => -value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Round(Vector512<float> value) => Vector512.Round(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> CopySign(Vector512<float> magnitude, Vector512<float> sign) => Vector512.CopySign(magnitude, sign);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Less(Vector512<float> a, Vector512<float> b) => Vector512.LessThan(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Equal(Vector512<float> a, Vector512<float> b) => Vector512.Equals(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Select(Vector512<float> mask, Vector512<float> yes, Vector512<float> no) => Vector512.ConditionalSelect(mask, yes, no);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Fraction(Vector512<float> value, out Vector512<float> whole)
    {
        const byte roundDown = 1;
        whole = value;   // the scaling instruction rounds down itself
        return Avx512DQ.Reduce(value, roundDown);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Scale(Vector512<float> value, Vector512<float> n) => Avx512F.Scale(value, n);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Split(Vector512<float> value, out Vector512<float> exponent)
    {
        var shifted = value.AsInt32() - Vector512.Create(HalfRootBits);
        var e = shifted >> MantissaBits;
        exponent = Vector512.ConvertToSingle(e);
        return (value.AsInt32() - (e << MantissaBits)).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Nibble(Vector512<float> packed, int index)
    {
        if (!Avx512F.IsSupported)
            return Vector512.ConvertToSingle((packed.AsInt32() << (28 - (4 * index))) >> 28);
        var numbers = Vector512.Create(0f, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1);
        return Avx512F.PermuteVar16x32(numbers, packed.AsInt32() >>> (4 * index));   // looks up the low four bits
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Entry(Vector512<float> packed, int index, float* table) => Avx512F.IsSupported
        ? Avx512F.PermuteVar16x32(Vector512.Load(table), packed.AsInt32() >>> (4 * index))   // looks up the low four bits
        : Vector512.Create(Lanes256.Entry(packed.GetLower(), index, table), Lanes256.Entry(packed.GetUpper(), index, table));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector512<float> value) => Vector512.Sum(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Largest(Vector512<float> value) => Lanes256.Largest(Lanes256.Max(value.GetLower(), value.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePairs(Vector512<float> a, Vector512<float> b, float* target)
    {
        var (low, high) = (Vector512.Create(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7), Vector512.Create(8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 14, 14, 15, 15));
        var even = Vector512.Create(-1, 0, -1, 0, -1, 0, -1, 0, -1, 0, -1, 0, -1, 0, -1, 0).AsSingle();
        Store(Select(even, Vector512.Shuffle(a, low), Vector512.Shuffle(b, low)), target);
        Store(Select(even, Vector512.Shuffle(a, high), Vector512.Shuffle(b, high)), target + Count);
    }

    public static void Transpose(float* source, nint stride, float* target, nint targetStride)
    {
        // Rows i, i + 4, i + 8 and i + 12 in the quarters of a register: 4 x 4 blocks, each transposed within its quarter.
        for (var column = 0; column < Count; column += 4, source += 4, target += 4 * targetStride)
        {
            var (a, b, c, d) = (Quarters(source, stride), Quarters(source + stride, stride), Quarters(source + (2 * stride), stride), Quarters(source + (3 * stride), stride));
            var (low, high) = (Avx512F.UnpackLow(a, c), Avx512F.UnpackHigh(a, c));   // a0 c0 a1 c1, a2 c2 a3 c3
            var (low2, high2) = (Avx512F.UnpackLow(b, d), Avx512F.UnpackHigh(b, d));
            Store(Avx512F.UnpackLow(low, low2), target);   // a0 b0 c0 d0
            Store(Avx512F.UnpackHigh(low, low2), target + targetStride);
            Store(Avx512F.UnpackLow(high, high2), target + (2 * targetStride));
            Store(Avx512F.UnpackHigh(high, high2), target + (3 * targetStride));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Quarters(float* row, nint stride)
    {
        // Masked loads of a quarter into all four: no shuffles.
        var value = Avx512F.BroadcastVector128ToVector512(row);
        value = Select(Vector512.Create(0, 0, 0, 0, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0).AsSingle(), Avx512F.BroadcastVector128ToVector512(row + (4 * stride)), value);
        value = Select(Vector512.Create(0, 0, 0, 0, 0, 0, 0, 0, -1, -1, -1, -1, 0, 0, 0, 0).AsSingle(), Avx512F.BroadcastVector128ToVector512(row + (8 * stride)), value);
        return Select(Vector512.Create(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, -1, -1, -1).AsSingle(), Avx512F.BroadcastVector128ToVector512(row + (12 * stride)), value);
    }
}
