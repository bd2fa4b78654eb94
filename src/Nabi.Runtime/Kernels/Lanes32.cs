using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>One float: the form used where no vector unit is available.</summary>
internal readonly unsafe struct Lanes32 : ILanes<float>
{
    private const int MantissaBits = 23;

    /// <summary>2^n is infinite, or too small, beyond this.</summary>
    private const float MostExponent = 160;

    /// <summary>Bits of sqrt(1/2), from which the mantissa interval of <see cref="Split"/> starts.</summary>
    private const int HalfRootBits = 0x3f3504f3;

    private static float True => BitConverter.Int32BitsToSingle(-1);

    public static int Count => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Load(float* source) => *source;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float value, float* target) => *target = value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Broadcast(float* source) => *source;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Fill(float value) => value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Add(float a, float b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Subtract(float a, float b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Multiply(float a, float b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Divide(float a, float b) => a / b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MultiplyAdd(float a, float b, float c) => (a * b) + c;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Clamp(float value, float low, float high) => Min(high, Max(low, value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Min(float a, float b) => a < b ? a : b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Max(float a, float b) => a > b ? a : b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sqrt(float value) => MathF.Sqrt(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Abs(float value) => MathF.Abs(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Negate(float value) => -value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Round(float value) => MathF.Round(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float CopySign(float magnitude, float sign) => MathF.CopySign(magnitude, sign);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Less(float a, float b) => a < b ? True : 0f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Equal(float a, float b) => a == b ? True : 0f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Select(float mask, float yes, float no) => BitConverter.SingleToInt32Bits(mask) != 0 ? yes : no;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Fraction(float value, out float whole)
    {
        var bounded = Clamp(value, -MostExponent, MostExponent);
        whole = MathF.Floor(bounded);
        return bounded - whole;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Scale(float value, float n)
    {
        var all = (int)n;
        var half = all >> 1;
        return value * BitConverter.Int32BitsToSingle((half + 127) << MantissaBits) * BitConverter.Int32BitsToSingle((all - half + 127) << MantissaBits);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Split(float value, out float exponent)
    {
        var bits = BitConverter.SingleToInt32Bits(value);
        var e = (bits - HalfRootBits) >> MantissaBits;
        exponent = e;
        return BitConverter.Int32BitsToSingle(bits - (e << MantissaBits));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Nibble(float packed, int index) => (BitConverter.SingleToInt32Bits(packed) << (28 - (4 * index))) >> 28;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Entry(float packed, int index, float* table) => table[(BitConverter.SingleToInt32Bits(packed) >>> (4 * index)) & 15];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(float value) => value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Largest(float value) => value;

    public static void StorePairs(float a, float b, float* target)
    {
        target[0] = a;
        target[1] = b;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Transpose(float* source, nint stride, float* target, nint targetStride) => *target = *source;
}
