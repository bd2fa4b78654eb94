using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>What eight times four bits in every lane stand for.</summary>
internal unsafe interface INibbles
{
    /// <summary>Number <paramref name="index"/> of every lane, lowest first.</summary>
    static abstract V Number<L, V>(V packed, int index, float* table)
        where L : unmanaged, ILanes<V>
        where V : unmanaged;
}

/// <summary>Signed numbers, -8 to 7.</summary>
internal readonly unsafe struct SignedNibbles : INibbles
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Number<L, V>(V packed, int index, float* table)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => L.Nibble(packed, index);
}

/// <summary>Indices into a table of 16 floats, which stays in a register: weights that share values.</summary>
internal readonly unsafe struct TableNibbles : INibbles
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Number<L, V>(V packed, int index, float* table)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => L.Entry(packed, index, table);
}
