using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Nabi.Runtime.Kernels;

/// <summary>The rounding of <see cref="Requantizer"/> for 16 columns whose multipliers are below 1/2, that is with s of 32 or more; needs AVX-512.</summary>
/// <remarks>
/// Halves go away from zero, so that the magnitude is rounded and the sign given back: (|a| * q + 2^(s-1)) >> s, which fits 31 bits. Products of even
/// columns stand in 64-bit lanes of their own; those of odd columns are shifted by s - 32 only, which leaves the result in the upper half of the lane,
/// where the column stands.
/// </remarks>
internal readonly struct RequantizeColumns512
{
    private readonly Products even;
    private readonly Products odd;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public RequantizeColumns512(Vector512<int> significands, Vector512<int> shifts)
    {
        var (evenShifts, oddShifts) = (shifts.AsUInt64() & Vector512.Create(0xffffffffUL), shifts.AsUInt64() >> 32);
        even = new Products(significands.AsUInt32(), evenShifts, evenShifts);
        odd = new Products((significands.AsUInt64() >> 32).AsUInt32(), oddShifts, oddShifts - Vector512.Create(32UL));
    }

    /// <summary>Whether this processor has the instructions.</summary>
    public static bool IsSupported => Avx512BW.IsSupported && Vector512.IsHardwareAccelerated;

    /// <summary>Smallest s.</summary>
    public const int MinShift = 32;

    /// <summary>Zero point + rounded product, not limited.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<int> Round(Vector512<int> sums, Vector512<int> zero)
    {
        var magnitudes = Avx512F.Abs(sums).AsUInt64();
        var (low, high) = (even.Round(magnitudes), odd.Round(magnitudes >> 32));
        var rounded = Vector512.ConditionalSelect(Vector512.Create(0xffffffffUL), low, high).AsInt32();
        return Vector512.ConditionalSelect(Vector512.LessThan(sums, Vector512<int>.Zero), zero - rounded, zero + rounded);
    }

    /// <summary>Two registers of neighbouring columns as limited bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Pack(Vector512<int> left, Vector512<int> right, Vector512<short> low, Vector512<short> high)
    {
        // Packing saturates to 16 bits, beyond any limit, and alternates quadwords of left and right.
        var packed = Vector512.Min(Vector512.Max(Avx512BW.PackSignedSaturate(left, right), low), high);
        var ordered = Avx512F.PermuteVar8x64(packed.AsInt64(), Vector512.Create(0L, 2, 4, 6, 1, 3, 5, 7));
        return Avx512BW.ConvertToVector256Byte(ordered.AsInt16());
    }

    /// <summary>Eight multipliers.</summary>
    private readonly struct Products
    {
        private readonly Vector512<uint> significands;
        private readonly Vector512<ulong> halves;
        private readonly Vector512<ulong> shifts;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Products(Vector512<uint> significands, Vector512<ulong> exponents, Vector512<ulong> shifts)
        {
            this.significands = significands;
            this.shifts = shifts;
            halves = Avx512F.ShiftLeftLogicalVariable(Vector512<ulong>.One, exponents - Vector512<ulong>.One);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<ulong> Round(Vector512<ulong> magnitudes) =>
            Avx512F.ShiftRightLogicalVariable(Avx512F.Multiply(magnitudes.AsUInt32(), significands) + halves, shifts);
    }
}
