using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>The micro-kernels of <see cref="SparseProduct"/>: one column of B times rows of A that lie in the lanes.</summary>
/// <remarks>Each register of rows has two sums, of the even and the odd numbers, so that no product waits for the one before it.</remarks>
internal static unsafe class SparseTiles
{
    /// <summary>Most registers of rows of a tile.</summary>
    public const int Registers = 4;

    /// <summary>Four registers of rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Four<L, V>(byte* tile, uint* offsets, float* values, int count, float* sums)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var (a0, a1, a2, a3) = (L.Fill(0), L.Fill(0), L.Fill(0), L.Fill(0));
        var (b0, b1, b2, b3) = (L.Fill(0), L.Fill(0), L.Fill(0), L.Fill(0));
        float* x;
        V w;
        nint i = 0;
        for (nint even = count & ~1; i < even; i += 2)
        {
            x = (float*)(tile + offsets[i]);
            w = L.Broadcast(values + i);
            a0 = L.MultiplyAdd(w, L.Load(x), a0);
            a1 = L.MultiplyAdd(w, L.Load(x + L.Count), a1);
            a2 = L.MultiplyAdd(w, L.Load(x + (2 * L.Count)), a2);
            a3 = L.MultiplyAdd(w, L.Load(x + (3 * L.Count)), a3);
            x = (float*)(tile + offsets[i + 1]);
            w = L.Broadcast(values + i + 1);
            b0 = L.MultiplyAdd(w, L.Load(x), b0);
            b1 = L.MultiplyAdd(w, L.Load(x + L.Count), b1);
            b2 = L.MultiplyAdd(w, L.Load(x + (2 * L.Count)), b2);
            b3 = L.MultiplyAdd(w, L.Load(x + (3 * L.Count)), b3);
        }
        if (i < count)
        {
            x = (float*)(tile + offsets[i]);
            w = L.Broadcast(values + i);
            a0 = L.MultiplyAdd(w, L.Load(x), a0);
            a1 = L.MultiplyAdd(w, L.Load(x + L.Count), a1);
            a2 = L.MultiplyAdd(w, L.Load(x + (2 * L.Count)), a2);
            a3 = L.MultiplyAdd(w, L.Load(x + (3 * L.Count)), a3);
        }
        L.Store(L.Add(a0, b0), sums);
        L.Store(L.Add(a1, b1), sums + L.Count);
        L.Store(L.Add(a2, b2), sums + (2 * L.Count));
        L.Store(L.Add(a3, b3), sums + (3 * L.Count));
    }

    /// <summary>Two registers of rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Two<L, V>(byte* tile, uint* offsets, float* values, int count, float* sums)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var (a0, a1) = (L.Fill(0), L.Fill(0));
        var (b0, b1) = (L.Fill(0), L.Fill(0));
        float* x;
        V w;
        nint i = 0;
        for (nint even = count & ~1; i < even; i += 2)
        {
            x = (float*)(tile + offsets[i]);
            w = L.Broadcast(values + i);
            a0 = L.MultiplyAdd(w, L.Load(x), a0);
            a1 = L.MultiplyAdd(w, L.Load(x + L.Count), a1);
            x = (float*)(tile + offsets[i + 1]);
            w = L.Broadcast(values + i + 1);
            b0 = L.MultiplyAdd(w, L.Load(x), b0);
            b1 = L.MultiplyAdd(w, L.Load(x + L.Count), b1);
        }
        if (i < count)
        {
            x = (float*)(tile + offsets[i]);
            w = L.Broadcast(values + i);
            a0 = L.MultiplyAdd(w, L.Load(x), a0);
            a1 = L.MultiplyAdd(w, L.Load(x + L.Count), a1);
        }
        L.Store(L.Add(a0, b0), sums);
        L.Store(L.Add(a1, b1), sums + L.Count);
    }

    /// <summary>One register of rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void One<L, V>(byte* tile, uint* offsets, float* values, int count, float* sums)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var (a, b) = (L.Fill(0), L.Fill(0));
        nint i = 0;
        for (nint even = count & ~1; i < even; i += 2)
        {
            a = L.MultiplyAdd(L.Broadcast(values + i), L.Load((float*)(tile + offsets[i])), a);
            b = L.MultiplyAdd(L.Broadcast(values + i + 1), L.Load((float*)(tile + offsets[i + 1])), b);
        }
        if (i < count)
            a = L.MultiplyAdd(L.Broadcast(values + i), L.Load((float*)(tile + offsets[i])), a);
        L.Store(L.Add(a, b), sums);
    }
}
