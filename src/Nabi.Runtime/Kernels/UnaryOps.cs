using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>A function of one variable on a register; the driver writes the loop and the tail once.</summary>
internal interface IUnaryOp
{
    V Invoke<L, V>(V x)
        where L : unmanaged, ILanes<V>
        where V : unmanaged;
}

internal readonly struct IdentityOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<L, V>(V x)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => x;
}

internal readonly struct ClipOp(float low, float high) : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<L, V>(V x)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => L.Clamp(x, low, high);
}

internal readonly struct LeakyReluOp(float alpha) : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<L, V>(V x)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => L.Select(L.Less(x, L.Fill(0f)), L.Multiply(x, L.Fill(alpha)), x);
}

internal readonly struct EluOp(float alpha) : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<L, V>(V x)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => L.Select(L.Less(x, L.Fill(0f)), L.Multiply(L.Fill(alpha), L.Subtract(VectorMath.Exp<L, V>(x), L.Fill(1f))), x);
}

internal readonly struct HardSigmoidOp(float alpha, float beta) : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<L, V>(V x)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => L.Clamp(L.MultiplyAdd(x, L.Fill(alpha), L.Fill(beta)), 0f, 1f);
}

internal readonly struct HardSwishOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<L, V>(V x)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => L.Multiply(x, L.Clamp(L.MultiplyAdd(x, L.Fill(1f / 6f), L.Fill(0.5f)), 0f, 1f));
}

internal readonly struct SigmoidOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<L, V>(V x)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => VectorMath.Sigmoid<L, V>(x);
}

internal readonly struct SiluOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<L, V>(V x)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => VectorMath.Sigmoid<L, V>(x, x);
}

internal readonly struct GeluOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<L, V>(V x)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var half = L.Multiply(x, L.Fill(0.5f));
        return L.MultiplyAdd(half, VectorMath.Erf<L, V>(L.Multiply(x, L.Fill(0.707106781f))), half);
    }
}

internal readonly struct GeluTanhOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<L, V>(V x)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var half = L.Multiply(x, L.Fill(0.5f));
        var cubic = L.Multiply(L.Multiply(x, L.Fill(0.797884561f)), L.MultiplyAdd(L.Multiply(x, x), L.Fill(0.044715f), L.Fill(1f)));
        return L.MultiplyAdd(half, VectorMath.Tanh<L, V>(cubic), half);
    }
}

internal readonly struct TanhOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<L, V>(V x)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => VectorMath.Tanh<L, V>(x);
}

internal readonly struct SoftplusOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<L, V>(V x)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => L.Add(L.Max(L.Fill(0f), x), VectorMath.LogOnePlus<L, V>(VectorMath.Exp<L, V>(L.Negate(L.Abs(x)))));
}

internal readonly struct ExpOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<L, V>(V x)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => VectorMath.Exp<L, V>(x);
}

internal readonly struct LogOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<L, V>(V x)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => VectorMath.Log<L, V>(x);
}

internal readonly struct SqrtOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<L, V>(V x)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => L.Sqrt(x);
}

internal readonly struct ReciprocalSqrtOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<L, V>(V x)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => L.Divide(L.Fill(1f), L.Sqrt(x));
}

internal readonly struct ReciprocalOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<L, V>(V x)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => L.Divide(L.Fill(1f), x);
}

internal readonly struct AbsOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<L, V>(V x)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => L.Abs(x);
}

internal readonly struct NegateOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<L, V>(V x)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => L.Negate(x);
}

internal readonly struct SquareOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<L, V>(V x)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => L.Multiply(x, x);
}

internal readonly struct ErfOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<L, V>(V x)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => VectorMath.Erf<L, V>(x);
}

internal readonly struct RoundOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<L, V>(V x)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => L.Round(x);
}

internal readonly struct SignOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<L, V>(V x)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => L.Select(L.Equal(x, L.Fill(0f)), x, L.Select(L.Equal(x, x), L.CopySign(L.Fill(1f), x), x));
}
