using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Nabi.Runtime.Kernels;

/// <summary>The requantization of <see cref="StoredFloat"/> for registers of 16 numbers; needs AVX-512 with VBMI.</summary>
internal struct StoredFloat512
{
    private readonly Vector512<float> offset;
    private readonly Vector512<int> low;
    private readonly Vector512<int> high;
    private readonly Vector512<int> doubtful;
    private readonly Vector512<byte> flip;
    private Vector512<uint> nearest;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public StoredFloat512(in StoredFloat constants, int doubtful)
    {
        offset = Vector512.Create(constants.Offset);
        low = Vector512.Create(constants.Low);
        high = Vector512.Create(constants.High);
        flip = Vector512.Create(constants.Flip).AsByte();
        this.doubtful = Vector512.Create(doubtful);
        Restart();
    }

    /// <summary>Whether this processor has the instructions.</summary>
    public static bool IsSupported => Avx512Vbmi.IsSupported && Avx512BW.IsSupported && Vector512.IsHardwareAccelerated;

    /// <summary>f of zero.</summary>
    public readonly Vector512<float> Offset => offset;

    /// <summary>Whether everything since the last <see cref="Restart"/> is as the exact rule has it.</summary>
    public readonly bool IsSure => !Vector512.EqualsAny(nearest, Vector512<uint>.Zero);

    /// <summary>Forgets doubts.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Restart() => nearest = Vector512<uint>.AllBitsSet;

    /// <summary>Limits an f and looks for doubt.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<int> Limit(Vector512<float> f)
    {
        var bits = f.AsInt32();
        nearest = Vector512.Min(nearest, (bits & doubtful).AsUInt32());
        return Vector512.Min(Vector512.Max(bits, low), high);
    }

    /// <summary>The bytes of two registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Vector256<byte> Pack(Vector512<int> left, Vector512<int> right) => (Words(left, right).GetLower() ^ flip.GetLower());

    /// <summary>The bytes of four registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Vector512<byte> Pack(Vector512<int> a, Vector512<int> b, Vector512<int> c, Vector512<int> d) =>
        Vector512.Create(Words(a, b).GetLower(), Words(c, d).GetLower()) ^ flip;

    // Stored values stand from bits 15 and 47 of a quadword on; the left ones go to its first word, the right ones to its second.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<byte> Words(Vector512<int> left, Vector512<int> right)
    {
        var fields = Vector512.Create(0x2f0f2f0f2f0f2f0fUL).AsByte();
        var (a, b) = (Avx512Vbmi.MultiShift(fields, left.AsUInt64()), Avx512Vbmi.MultiShift(fields, right.AsUInt64()));
        var mixed = Vector512.ConditionalSelect(Vector512.Create(0x000000000000ffffUL).AsByte(), a, b).AsUInt16();
        var order = Vector512.Create((ushort)0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29, 0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
        return Avx512BW.PermuteVar32x16(mixed, order).AsByte();
    }
}
