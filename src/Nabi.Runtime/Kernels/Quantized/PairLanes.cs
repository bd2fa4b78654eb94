using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Nabi.Runtime.Kernels;

/// <summary>16 pairs of 16-bit integers: two products per lane, added to a 32-bit sum. Nothing saturates.</summary>
internal readonly unsafe struct Pairs512 : IByteLanes<Vector512<int>>
{
    public static int Count => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Load(float* source) => Vector512.Load((int*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> LoadBytes(byte* source)
    {
        if (Avx512F.IsSupported)
            return Avx512F.ConvertToVector512Int32(Vector128.Load(source));
        var shorts = Vector256.Create(Vector128.WidenLower(Vector128.Load(source)), Vector128.WidenUpper(Vector128.Load(source)));
        return Vector512.Create(Vector256.WidenLower(shorts), Vector256.WidenUpper(shorts)).AsInt32();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<int> value, float* target) => value.Store((int*)target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Broadcast(float* source) => Vector512.Create(*(int*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Add(Vector512<int> a, Vector512<int> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> MultiplyAdd(Vector512<int> a, Vector512<int> b, Vector512<int> c)
    {
        if (Avx512BW.IsSupported)
            return c + Avx512BW.MultiplyAddAdjacent(a.AsInt16(), b.AsInt16());
        return c + ((a >> 16) * (b >> 16)) + (((a << 16) >> 16) * ((b << 16) >> 16));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Clamp(Vector512<int> value, float low, float high) => value;
}

/// <summary>8 pairs of 16-bit integers: two products per lane, added to a 32-bit sum. Nothing saturates.</summary>
internal readonly unsafe struct Pairs256 : IByteLanes<Vector256<int>>
{
    public static int Count => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Load(float* source) => Vector256.Load((int*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> LoadBytes(byte* source)
    {
        var bytes = Vector128.CreateScalarUnsafe(*(ulong*)source).AsByte();
        if (Avx2.IsSupported)
            return Avx2.ConvertToVector256Int32(bytes);
        var shorts = Vector128.WidenLower(bytes);
        return Vector256.Create(Vector128.WidenLower(shorts), Vector128.WidenUpper(shorts)).AsInt32();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector256<int> value, float* target) => value.Store((int*)target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Broadcast(float* source) => Vector256.Create(*(int*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Add(Vector256<int> a, Vector256<int> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> MultiplyAdd(Vector256<int> a, Vector256<int> b, Vector256<int> c)
    {
        if (Avx2.IsSupported)
            return c + Avx2.MultiplyAddAdjacent(a.AsInt16(), b.AsInt16());
        return c + ((a >> 16) * (b >> 16)) + (((a << 16) >> 16) * ((b << 16) >> 16));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Clamp(Vector256<int> value, float low, float high) => value;
}

/// <summary>4 pairs of 16-bit integers: two products per lane, added to a 32-bit sum. Nothing saturates.</summary>
internal readonly unsafe struct Pairs128 : IByteLanes<Vector128<int>>
{
    public static int Count => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Load(float* source) => Vector128.Load((int*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> LoadBytes(byte* source) =>
        Vector128.WidenLower(Vector128.WidenLower(Vector128.CreateScalarUnsafe(*(uint*)source).AsByte())).AsInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector128<int> value, float* target) => value.Store((int*)target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Broadcast(float* source) => Vector128.Create(*(int*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Add(Vector128<int> a, Vector128<int> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> MultiplyAdd(Vector128<int> a, Vector128<int> b, Vector128<int> c)
    {
        if (Sse2.IsSupported)
            return c + Sse2.MultiplyAddAdjacent(a.AsInt16(), b.AsInt16());
        return c + ((a >> 16) * (b >> 16)) + (((a << 16) >> 16) * ((b << 16) >> 16));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Clamp(Vector128<int> value, float low, float high) => value;
}

/// <summary>1 pairs of 16-bit integers: two products per lane, added to a 32-bit sum. Nothing saturates.</summary>
internal readonly unsafe struct Pairs32 : IByteLanes<int>
{
    public static int Count => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Load(float* source) => *(int*)source;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int LoadBytes(byte* source) => *source;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(int value, float* target) => *(int*)target = value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Broadcast(float* source) => *(int*)source;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Add(int a, int b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int MultiplyAdd(int a, int b, int c)
    {
        return c + ((a >> 16) * (b >> 16)) + ((short)a * (short)b);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Clamp(int value, float low, float high) => value;
}
