using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>The panels of a <see cref="BlockProduct"/>: the rows of B in which the panel is not all zero.</summary>
internal unsafe struct BlockPanels : ISparsePanels
{
    /// <summary>Place of each panel's first stretch, and the count of all.</summary>
    public int* Starts;

    /// <summary>Bytes from the start of a row of A to the number of each stretch.</summary>
    public uint* Offsets;

    public float* Values;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Four<L, V>(byte* a0, byte* a1, byte* a2, byte* a3, int panel, float* sums)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var p = Values + ((long)Starts[panel] * L.Count);
        var offset = Offsets + Starts[panel];
        nint count = Starts[panel + 1] - Starts[panel];
        var (c0, c1, c2, c3) = (L.Fill(0), L.Fill(0), L.Fill(0), L.Fill(0));
        var (d0, d1, d2, d3) = (L.Fill(0), L.Fill(0), L.Fill(0), L.Fill(0));
        V w;
        nint o;
        for (; count > 1; count -= 2, offset += 2, p += 2 * L.Count)
        {
            (w, o) = (L.Load(p), (nint)offset[0]);
            c0 = L.MultiplyAdd(L.Broadcast((float*)(a0 + o)), w, c0);
            c1 = L.MultiplyAdd(L.Broadcast((float*)(a1 + o)), w, c1);
            c2 = L.MultiplyAdd(L.Broadcast((float*)(a2 + o)), w, c2);
            c3 = L.MultiplyAdd(L.Broadcast((float*)(a3 + o)), w, c3);
            (w, o) = (L.Load(p + L.Count), (nint)offset[1]);
            d0 = L.MultiplyAdd(L.Broadcast((float*)(a0 + o)), w, d0);
            d1 = L.MultiplyAdd(L.Broadcast((float*)(a1 + o)), w, d1);
            d2 = L.MultiplyAdd(L.Broadcast((float*)(a2 + o)), w, d2);
            d3 = L.MultiplyAdd(L.Broadcast((float*)(a3 + o)), w, d3);
        }
        if (count > 0)
        {
            (w, o) = (L.Load(p), (nint)offset[0]);
            c0 = L.MultiplyAdd(L.Broadcast((float*)(a0 + o)), w, c0);
            c1 = L.MultiplyAdd(L.Broadcast((float*)(a1 + o)), w, c1);
            c2 = L.MultiplyAdd(L.Broadcast((float*)(a2 + o)), w, c2);
            c3 = L.MultiplyAdd(L.Broadcast((float*)(a3 + o)), w, c3);
        }
        L.Store(L.Add(c0, d0), sums);
        L.Store(L.Add(c1, d1), sums + L.Count);
        L.Store(L.Add(c2, d2), sums + (2 * L.Count));
        L.Store(L.Add(c3, d3), sums + (3 * L.Count));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void One<L, V>(byte* row, int panel, float* sums)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var p = Values + ((long)Starts[panel] * L.Count);
        var offset = Offsets + Starts[panel];
        nint count = Starts[panel + 1] - Starts[panel];
        var (c, d) = (L.Fill(0), L.Fill(0));
        for (; count > 1; count -= 2, offset += 2, p += 2 * L.Count)
        {
            c = L.MultiplyAdd(L.Broadcast((float*)(row + offset[0])), L.Load(p), c);
            d = L.MultiplyAdd(L.Broadcast((float*)(row + offset[1])), L.Load(p + L.Count), d);
        }
        if (count > 0)
            c = L.MultiplyAdd(L.Broadcast((float*)(row + offset[0])), L.Load(p), c);
        L.Store(L.Add(c, d), sums);
    }
}
