using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Nabi.Runtime.Kernels;

/// <summary>The vector width the kernels use on this processor.</summary>
public static unsafe class Simd
{
    /// <summary>Floats per register: 16, 8, 4, or 1 where no vector unit is available.</summary>
    public static int Lanes { get; } =
        Vector512.IsHardwareAccelerated ? 16 : Vector256.IsHardwareAccelerated ? 8 : Vector128.IsHardwareAccelerated ? 4 : 1;

    /// <summary>Runs one worker's share of a kernel at the widest width. The tests are compile-time constants to the JIT.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Run<TKernel>(ref TKernel kernel, int worker, int workers)
        where TKernel : unmanaged, IKernel
    {
        if (Vector512.IsHardwareAccelerated)
            kernel.Run<Lanes512, Vector512<float>>(worker, workers);
        else if (Vector256.IsHardwareAccelerated)
            kernel.Run<Lanes256, Vector256<float>>(worker, workers);
        else if (Vector128.IsHardwareAccelerated)
            kernel.Run<Lanes128, Vector128<float>>(worker, workers);
        else
            kernel.Run<Lanes32, float>(worker, workers);
    }

    /// <summary>Asks for a stretch of memory in order, before it is read strip by strip, an order in which the processor does not foresee the next line.</summary>
    internal static void Prefetch(float* start, long count)
    {
        if (!Sse.IsSupported) return;
        for (long i = 0; i < count; i += 16) Sse.Prefetch0(start + i);
    }

    private const int MostLanes = 16;

    // All bits set, then none: a mask of n lanes starts n before the middle.
    private static ReadOnlySpan<int> Masks =>
    [
        -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];

    /// <summary>The first <paramref name="count"/> floats in the low lanes, zeros above: the tail of a row without reading past it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static V LoadPart<V>(float* source, int count)
        where V : unmanaged
    {
        ref var mask = ref MemoryMarshal.GetReference(Masks);
        if (typeof(V) == typeof(Vector512<float>) && Avx512F.IsSupported)
            return Unsafe.BitCast<Vector512<float>, V>(Avx512F.MaskLoad(source, Vector512.LoadUnsafe(ref mask, (nuint)(MostLanes - count)).AsSingle(), Vector512<float>.Zero));
        if (typeof(V) == typeof(Vector256<float>) && Avx.IsSupported)
            return Unsafe.BitCast<Vector256<float>, V>(Avx.MaskLoad(source, Vector256.LoadUnsafe(ref mask, (nuint)(MostLanes - count)).AsSingle()));
        return CopyPart<V>(source, count);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static V CopyPart<V>(float* source, int count)
        where V : unmanaged
    {
        V value = default;
        Unsafe.CopyBlockUnaligned(&value, source, (uint)count * sizeof(float));
        return value;
    }

    /// <summary>A register, or what is left of a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static V Load<L, V>(float* source, long left)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => left >= L.Count ? L.Load(source) : LoadPart<V>(source, (int)left);

    /// <summary>Stores a register, or what is left of a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Store<L, V>(V value, float* target, long left)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        if (left >= L.Count)
            L.Store(value, target);
        else
            StorePart(value, target, (int)left);
    }

    /// <summary>The value with the lanes past the end of a row set to zero, so that it can be summed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static V Keep<L, V>(V value, long left)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        if (left >= L.Count) return value;
        ref var mask = ref Unsafe.Add(ref MemoryMarshal.GetReference(Masks), MostLanes - (int)left);
        if (typeof(V) == typeof(Vector512<float>))
            return Unsafe.BitCast<Vector512<float>, V>(Unsafe.BitCast<V, Vector512<float>>(value) & Vector512.LoadUnsafe(ref mask).AsSingle());
        if (typeof(V) == typeof(Vector256<float>))
            return Unsafe.BitCast<Vector256<float>, V>(Unsafe.BitCast<V, Vector256<float>>(value) & Vector256.LoadUnsafe(ref mask).AsSingle());
        return Unsafe.BitCast<Vector128<float>, V>(Unsafe.BitCast<V, Vector128<float>>(value) & Vector128.LoadUnsafe(ref mask).AsSingle());
    }

    /// <summary>Stores the low <paramref name="count"/> lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void StorePart<V>(V value, float* target, int count)
        where V : unmanaged
    {
        ref var mask = ref MemoryMarshal.GetReference(Masks);
        if (typeof(V) == typeof(Vector512<float>) && Avx512F.IsSupported)
            Avx512F.MaskStore(target, Vector512.LoadUnsafe(ref mask, (nuint)(MostLanes - count)).AsSingle(), Unsafe.BitCast<V, Vector512<float>>(value));
        else if (typeof(V) == typeof(Vector256<float>) && Avx.IsSupported)
            Avx.MaskStore(target, Vector256.LoadUnsafe(ref mask, (nuint)(MostLanes - count)).AsSingle(), Unsafe.BitCast<V, Vector256<float>>(value));
        else
            CopyPart(value, target, count);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void CopyPart<V>(V value, float* target, int count)
        where V : unmanaged => Unsafe.CopyBlockUnaligned(target, &value, (uint)count * sizeof(float));
}

/// <summary>A kernel with its arguments: one worker's share, written once for every register width.</summary>
internal interface IKernel
{
    /// <summary>Does the share of <paramref name="worker"/> (0 to <paramref name="workers"/> - 1).</summary>
    void Run<L, V>(int worker, int workers)
        where L : unmanaged, ILanes<V>
        where V : unmanaged;
}
