using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>A function of up to three elements on registers, one per <see cref="ElementKind"/>; functions of one variable are <see cref="IUnaryOp"/>.</summary>
internal interface IElementOp
{
    /// <summary>How many of the three it reads.</summary>
    static virtual int Arity => 2;

    static abstract V Invoke<L, V>(V a, V b, V c)
        where L : unmanaged, ILanes<V>
        where V : unmanaged;
}

/// <summary>The loop over one block: whole registers, then the tail, written once for all functions.</summary>
internal readonly unsafe struct ElementLoop<L, V>(float* a, float* b, float* c, float* to, int count) : IUnaryVisitor
    where L : unmanaged, ILanes<V>
    where V : unmanaged
{
    public void Run<TOp>(TOp _)
        where TOp : struct, IElementOp
    {
        var i = 0;
        for (; i <= count - L.Count; i += L.Count)
            L.Store(TOp.Invoke<L, V>(L.Load(a + i), TOp.Arity > 1 ? L.Load(b + i) : default, TOp.Arity > 2 ? L.Load(c + i) : default), to + i);
        if (i < count)
        {
            var rest = count - i;
            Simd.StorePart(TOp.Invoke<L, V>(Simd.LoadPart<V>(a + i, rest), Simd.LoadPart<V>(b + i, rest), Simd.LoadPart<V>(c + i, rest)), to + i, rest);
        }
    }

    public void Visit<TOp>(TOp op)
        where TOp : unmanaged, IUnaryOp
    {
        var i = 0;
        for (; i <= count - L.Count; i += L.Count)
            L.Store(op.Invoke<L, V>(L.Load(a + i)), to + i);
        if (i < count)
            Simd.StorePart(op.Invoke<L, V>(Simd.LoadPart<V>(a + i, count - i)), to + i, count - i);
    }
}

internal readonly struct AddOf : IElementOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<L, V>(V a, V b, V c)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => L.Add(a, b);
}

internal readonly struct SubtractOf : IElementOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<L, V>(V a, V b, V c)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => L.Subtract(a, b);
}

internal readonly struct MultiplyOf : IElementOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<L, V>(V a, V b, V c)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => L.Multiply(a, b);
}

internal readonly struct DivideOf : IElementOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<L, V>(V a, V b, V c)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => L.Divide(a, b);
}

internal readonly struct MinimumOf : IElementOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<L, V>(V a, V b, V c)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => L.Select(L.Equal(a, a), L.Min(a, b), a);
}

internal readonly struct MaximumOf : IElementOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<L, V>(V a, V b, V c)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => L.Select(L.Equal(a, a), L.Max(a, b), a);
}

internal readonly struct LessOf : IElementOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<L, V>(V a, V b, V c)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => L.Select(L.Less(a, b), L.Fill(1f), L.Fill(0f));
}

internal readonly struct EqualOf : IElementOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<L, V>(V a, V b, V c)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => L.Select(L.Equal(a, b), L.Fill(1f), L.Fill(0f));
}

internal readonly struct NotOf : IElementOp
{
    public static int Arity => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<L, V>(V a, V b, V c)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => L.Select(L.Equal(a, L.Fill(0f)), L.Fill(1f), L.Fill(0f));
}

internal readonly struct SelectOf : IElementOp
{
    public static int Arity => 3;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<L, V>(V a, V b, V c)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => L.Select(L.Equal(a, L.Fill(0f)), c, b);
}

internal readonly struct GateAboveOf : IElementOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<L, V>(V a, V b, V c)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => L.Select(L.Less(L.Fill(0f), b), a, L.Fill(0f));
}
