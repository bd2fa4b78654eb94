using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Nabi.Runtime.Kernels;

/// <summary>16 words of 32 signs: the signs in which two words differ are counted and added to a 32-bit sum, which is stored as a float.</summary>
internal readonly unsafe struct Bits512 : ITileLanes<Vector512<int>>
{
    public static int Count => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Load(float* source) => Vector512.Load((int*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<int> value, float* target) => Vector512.ConvertToSingle(value).Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Broadcast(float* source) => Vector512.Create(*(int*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Add(Vector512<int> a, Vector512<int> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> MultiplyAdd(Vector512<int> a, Vector512<int> b, Vector512<int> c)
    {
        var x = (a ^ b).AsByte();
        if (!Avx512BW.IsSupported)
            return c + Vector512.Create(Bits256.CountOnes(x.GetLower()), Bits256.CountOnes(x.GetUpper()));
        var table = Vector512.Create(Bits256.NibbleCounts, Bits256.NibbleCounts);
        var low = Vector512.Create((byte)15);
        var counts = Avx512BW.Shuffle(table, x & low) + Avx512BW.Shuffle(table, (x.AsUInt16() >> 4).AsByte() & low);
        return c + Avx512BW.MultiplyAddAdjacent(Avx512BW.MultiplyAddAdjacent(counts, Vector512<sbyte>.One), Vector512<short>.One);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Clamp(Vector512<int> value, float low, float high) => value;
}

/// <summary>8 words of 32 signs.</summary>
internal readonly unsafe struct Bits256 : ITileLanes<Vector256<int>>
{
    public static int Count => 8;

    /// <summary>Ones of the numbers 0 to 15, twice.</summary>
    public static Vector256<byte> NibbleCounts
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector256.Create(Bits128.NibbleCounts, Bits128.NibbleCounts);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Load(float* source) => Vector256.Load((int*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector256<int> value, float* target) => Vector256.ConvertToSingle(value).Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Broadcast(float* source) => Vector256.Create(*(int*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Add(Vector256<int> a, Vector256<int> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> MultiplyAdd(Vector256<int> a, Vector256<int> b, Vector256<int> c) => c + CountOnes((a ^ b).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Clamp(Vector256<int> value, float low, float high) => value;

    /// <summary>The ones in every word.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> CountOnes(Vector256<byte> x)
    {
        if (!Avx2.IsSupported)
            return Vector256.Create(Bits128.CountOnes(x.GetLower()), Bits128.CountOnes(x.GetUpper()));
        var low = Vector256.Create((byte)15);
        var counts = Avx2.Shuffle(NibbleCounts, x & low) + Avx2.Shuffle(NibbleCounts, (x.AsUInt16() >> 4).AsByte() & low);
        return Avx2.MultiplyAddAdjacent(Avx2.MultiplyAddAdjacent(counts, Vector256<sbyte>.One), Vector256<short>.One);
    }
}

/// <summary>4 words of 32 signs.</summary>
internal readonly unsafe struct Bits128 : ITileLanes<Vector128<int>>
{
    public static int Count => 4;

    /// <summary>Ones of the numbers 0 to 15.</summary>
    public static Vector128<byte> NibbleCounts
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector128.Create((byte)0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Load(float* source) => Vector128.Load((int*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector128<int> value, float* target) => Vector128.ConvertToSingle(value).Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Broadcast(float* source) => Vector128.Create(*(int*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Add(Vector128<int> a, Vector128<int> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> MultiplyAdd(Vector128<int> a, Vector128<int> b, Vector128<int> c) => c + CountOnes((a ^ b).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Clamp(Vector128<int> value, float low, float high) => value;

    /// <summary>The ones in every word.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> CountOnes(Vector128<byte> x)
    {
        if (AdvSimd.IsSupported)
            return AdvSimd.AddPairwiseWidening(AdvSimd.AddPairwiseWidening(AdvSimd.PopCount(x))).AsInt32();
        if (Ssse3.IsSupported)
        {
            var low = Vector128.Create((byte)15);
            var counts = Ssse3.Shuffle(NibbleCounts, x & low) + Ssse3.Shuffle(NibbleCounts, (x.AsUInt16() >> 4).AsByte() & low);
            return Sse2.MultiplyAddAdjacent(Ssse3.MultiplyAddAdjacent(counts, Vector128<sbyte>.One), Vector128<short>.One);
        }
        // Sums of neighbours in ever wider fields.
        var ones = x.AsUInt32();
        ones -= (ones >> 1) & Vector128.Create(0x55555555u);
        ones = (ones & Vector128.Create(0x33333333u)) + ((ones >> 2) & Vector128.Create(0x33333333u));
        ones = (ones + (ones >> 4)) & Vector128.Create(0x0f0f0f0fu);
        ones += ones >> 8;
        return ((ones + (ones >> 16)) & Vector128.Create(0x3fu)).AsInt32();
    }
}

/// <summary>One word of 32 signs.</summary>
internal readonly unsafe struct Bits32 : ITileLanes<int>
{
    public static int Count => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Load(float* source) => *(int*)source;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(int value, float* target) => *target = value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Broadcast(float* source) => *(int*)source;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Add(int a, int b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int MultiplyAdd(int a, int b, int c) => c + BitOperations.PopCount((uint)(a ^ b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Clamp(int value, float low, float high) => value;
}
