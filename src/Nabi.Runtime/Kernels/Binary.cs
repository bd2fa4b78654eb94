using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>The functions of two variables.</summary>
public enum BinaryKind
{
    /// <summary>a + b.</summary>
    Add,

    /// <summary>a - b.</summary>
    Subtract,

    /// <summary>a * b.</summary>
    Multiply,

    /// <summary>a / b.</summary>
    Divide,

    /// <summary>The larger; b if either is NaN.</summary>
    Maximum,

    /// <summary>The smaller; b if either is NaN.</summary>
    Minimum,

    /// <summary>a to the power b, each element by the C library's rules.</summary>
    Power,

    /// <summary>1 where a &gt; b, else 0.</summary>
    Greater,

    /// <summary>1 where a &lt; b, else 0.</summary>
    Less,

    /// <summary>1 where a = b, else 0.</summary>
    Equal,

    /// <summary>Gradient of max(x, 0): a where b &gt; 0, else 0. b may be the input or the output.</summary>
    ReluGradient,

    /// <summary>Gradient of the sigmoid from its output: a * b * (1 - b).</summary>
    SigmoidGradient,

    /// <summary>Gradient of tanh from its output: a * (1 - b * b).</summary>
    TanhGradient,
}

/// <summary>A function of two variables on a register.</summary>
internal interface IBinaryOp
{
    V Invoke<L, V>(V a, V b)
        where L : unmanaged, ILanes<V>
        where V : unmanaged;
}

/// <summary>Receives the operator struct that a <see cref="BinaryKind"/> names.</summary>
internal interface IBinaryVisitor
{
    void Visit<TOp>(TOp op)
        where TOp : unmanaged, IBinaryOp;
}

/// <summary>From the name of a function to its operator struct.</summary>
internal static class BinaryDispatch
{
    public static void Accept<TVisitor>(BinaryKind kind, ref TVisitor visitor)
        where TVisitor : IBinaryVisitor
    {
        switch (kind)
        {
            case BinaryKind.Add: visitor.Visit(default(AddOp)); break;
            case BinaryKind.Subtract: visitor.Visit(default(SubtractOp)); break;
            case BinaryKind.Multiply: visitor.Visit(default(MultiplyOp)); break;
            case BinaryKind.Divide: visitor.Visit(default(DivideOp)); break;
            case BinaryKind.Maximum: visitor.Visit(default(MaximumOp)); break;
            case BinaryKind.Minimum: visitor.Visit(default(MinimumOp)); break;
            case BinaryKind.Power: visitor.Visit(default(PowerOp)); break;
            case BinaryKind.Greater: visitor.Visit(default(GreaterOp)); break;
            case BinaryKind.Less: visitor.Visit(default(LessOp)); break;
            case BinaryKind.Equal: visitor.Visit(default(EqualOp)); break;
            case BinaryKind.ReluGradient: visitor.Visit(default(ReluGradientOp)); break;
            case BinaryKind.SigmoidGradient: visitor.Visit(default(SigmoidGradientOp)); break;
            case BinaryKind.TanhGradient: visitor.Visit(default(TanhGradientOp)); break;
            default: throw new ArgumentOutOfRangeException(nameof(kind), kind, "This function has no kernel.");
        }
    }
}

internal readonly struct AddOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<L, V>(V a, V b)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => L.Add(a, b);
}

internal readonly struct SubtractOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<L, V>(V a, V b)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => L.Subtract(a, b);
}

internal readonly struct MultiplyOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<L, V>(V a, V b)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => L.Multiply(a, b);
}

internal readonly struct DivideOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<L, V>(V a, V b)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => L.Divide(a, b);
}

internal readonly struct MaximumOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<L, V>(V a, V b)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => L.Max(a, b);
}

internal readonly struct MinimumOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<L, V>(V a, V b)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => L.Min(a, b);
}

internal readonly struct GreaterOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<L, V>(V a, V b)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => L.Select(L.Less(b, a), L.Fill(1f), L.Fill(0f));
}

internal readonly struct LessOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<L, V>(V a, V b)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => L.Select(L.Less(a, b), L.Fill(1f), L.Fill(0f));
}

internal readonly struct EqualOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<L, V>(V a, V b)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => L.Select(L.Equal(a, b), L.Fill(1f), L.Fill(0f));
}

internal readonly struct ReluGradientOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<L, V>(V a, V b)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => L.Select(L.Less(L.Fill(0f), b), a, L.Fill(0f));
}

internal readonly struct SigmoidGradientOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<L, V>(V a, V b)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => L.Multiply(L.Multiply(a, b), L.Subtract(L.Fill(1f), b));
}

internal readonly struct TanhGradientOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<L, V>(V a, V b)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => L.Multiply(a, L.Subtract(L.Fill(1f), L.Multiply(b, b)));
}

internal readonly unsafe struct PowerOp : IBinaryOp
{
    public V Invoke<L, V>(V a, V b)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var x = (float*)&a;
        var y = (float*)&b;
        for (var i = 0; i < L.Count; i++)
            x[i] = MathF.Pow(x[i], y[i]);
        return a;
    }
}
