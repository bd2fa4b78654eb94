using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Nabi.Runtime.Kernels;

/// <summary>Where requantized values go: an offset and the limits of the stored type, tightened by a fused activation.</summary>
internal readonly record struct QuantizedRange(int ZeroPoint, int Low, int High);

/// <summary>The rounding of <see cref="Requantizer"/> for 16 products at once, whose shifts may differ; needs AVX-512.</summary>
/// <remarks>Products are 64 bits wide: those of the even lanes of a register of 32-bit numbers come in one register, those of the odd lanes in another.</remarks>
internal readonly struct RequantizeLanes512
{
    private readonly Vector512<ulong> evenShift;
    private readonly Vector512<ulong> oddShift;
    private readonly Vector512<long> evenHalf;
    private readonly Vector512<long> oddHalf;
    private readonly Vector512<long> low;
    private readonly Vector512<long> high;
    private readonly Vector512<int> zero;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public RequantizeLanes512(Vector512<int> shifts, in QuantizedRange range)
    {
        evenShift = shifts.AsUInt64() & Vector512.Create(0xffffffffUL);
        oddShift = shifts.AsUInt64() >> 32;
        evenHalf = Avx512F.ShiftLeftLogicalVariable(Vector512<long>.One, evenShift - Vector512<ulong>.One);
        oddHalf = Avx512F.ShiftLeftLogicalVariable(Vector512<long>.One, oddShift - Vector512<ulong>.One);
        low = Vector512.Create((long)range.Low - range.ZeroPoint);
        high = Vector512.Create((long)range.High - range.ZeroPoint);
        zero = Vector512.Create(range.ZeroPoint);
    }

    /// <summary>Whether this processor has the instructions.</summary>
    public static bool IsSupported => Avx512F.IsSupported && Vector512.IsHardwareAccelerated;

    /// <summary>The odd lanes, moved to where a widening multiplication reads them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Odd(Vector512<int> value) => (value.AsUInt64() >> 32).AsInt32();

    /// <summary>Sixteen stored values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector128<byte> Round(Vector512<long> even, Vector512<long> odd)
    {
        even = Avx512F.ShiftRightArithmeticVariable(even + evenHalf + (even >> 63), evenShift);
        odd = Avx512F.ShiftRightArithmeticVariable(odd + oddHalf + (odd >> 63), oddShift);
        even = Vector512.Min(Vector512.Max(even, low), high);
        odd = Vector512.Min(Vector512.Max(odd, low), high);
        var merged = Vector512.ConditionalSelect(Vector512.Create(0xffffffffL), even, odd << 32).AsInt32();
        return Avx512F.ConvertToVector128Byte(merged + zero);
    }
}

/// <summary>The same for 8 products; needs AVX2.</summary>
internal readonly struct RequantizeLanes256
{
    private readonly Vector256<ulong> evenShift;
    private readonly Vector256<ulong> oddShift;
    private readonly Vector256<ulong> evenHalf;
    private readonly Vector256<ulong> oddHalf;
    private readonly Vector256<long> evenTop;
    private readonly Vector256<long> oddTop;
    private readonly Vector256<long> low;
    private readonly Vector256<long> high;
    private readonly Vector256<int> zero;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public RequantizeLanes256(Vector256<int> shifts, in QuantizedRange range)
    {
        // There is no arithmetic 64-bit shift: the number line is moved up by 2^63, shifted, and moved back. The half is added on the way.
        var top = Vector256.Create(1UL << 63);
        evenShift = shifts.AsUInt64() & Vector256.Create(0xffffffffUL);
        oddShift = shifts.AsUInt64() >> 32;
        evenHalf = Avx2.ShiftLeftLogicalVariable(Vector256<ulong>.One, evenShift - Vector256<ulong>.One) + top;
        oddHalf = Avx2.ShiftLeftLogicalVariable(Vector256<ulong>.One, oddShift - Vector256<ulong>.One) + top;
        evenTop = Avx2.ShiftRightLogicalVariable(top, evenShift).AsInt64();
        oddTop = Avx2.ShiftRightLogicalVariable(top, oddShift).AsInt64();
        low = Vector256.Create((long)range.Low - range.ZeroPoint);
        high = Vector256.Create((long)range.High - range.ZeroPoint);
        zero = Vector256.Create(range.ZeroPoint);
    }

    /// <summary>Whether this processor has the instructions.</summary>
    public static bool IsSupported => Avx2.IsSupported;

    /// <summary>The odd lanes, moved to where a widening multiplication reads them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Odd(Vector256<int> value) => (value.AsUInt64() >> 32).AsInt32();

    /// <summary>Eight stored values, in the lower half.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector128<byte> Round(Vector256<long> even, Vector256<long> odd)
    {
        var negative = Vector256<long>.Zero;
        even = Avx2.ShiftRightLogicalVariable((even + Vector256.LessThan(even, negative)).AsUInt64() + evenHalf, evenShift).AsInt64() - evenTop;
        odd = Avx2.ShiftRightLogicalVariable((odd + Vector256.LessThan(odd, negative)).AsUInt64() + oddHalf, oddShift).AsInt64() - oddTop;
        even = Vector256.Min(Vector256.Max(even, low), high);
        odd = Vector256.Min(Vector256.Max(odd, low), high);
        var merged = Vector256.ConditionalSelect(Vector256.Create(0xffffffffL), even, odd << 32).AsInt32() + zero;
        var shorts = Vector128.Narrow(merged.GetLower(), merged.GetUpper());
        return Vector128.Narrow(shorts, shorts).AsByte();
    }
}
