using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

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

    /// <summary>The first <paramref name="count"/> floats in the low lanes, zeros above: the tail of a row without reading past it.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static V LoadPart<V>(float* source, int count)
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
        where V : unmanaged => left >= L.Count ? value : LoadPart<V>((float*)&value, (int)left);

    /// <summary>Stores the low <paramref name="count"/> lanes.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void StorePart<V>(V value, float* target, int count)
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
