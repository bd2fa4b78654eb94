using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>Elementary functions in single precision, the same sequence of operations at every width.</summary>
/// <remarks>
/// Largest errors, checked by tests against double precision: exp 2 ulp, log 2 ulp, tanh and erf 6 ulp, sigmoid 3 ulp for x &gt;= 0 and 4 + 5/4 |x| ulp
/// below, where it goes to zero. Infinite arguments and not-a-number give what the limits say; results below the normal numbers are subnormal. log
/// after S. Moshier's Cephes library; the polynomials of exp and 2^x and the rational functions of tanh and erf minimize the largest relative error
/// (fitted in 40 digits by Lawson's algorithm).
/// </remarks>
internal static class VectorMath
{
    /// <summary>log2 e.</summary>
    public const float LogTwoE = 1.44269504f;

    /// <summary>ln 2 in two parts; the first has nine significant bits, so that n * LnTwoHigh is exact.</summary>
    private const float LnTwoHigh = 0.693359375f;
    private const float LnTwoLow = -2.12194440e-4f;

    /// <summary>2^n p(r) with x = n ln 2 + r, |r| at most ln 2 / 2; p is within 3.1e-9 of exp.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Exp<L, V>(V x)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        const float isInfinite = 89f, isZero = -104f;   // beyond these the result no longer changes
        var bounded = L.Clamp(x, isZero, isInfinite);
        var n = L.Round(L.Multiply(bounded, L.Fill(LogTwoE)));
        var r = L.MultiplyAdd(n, L.Fill(-LnTwoHigh), bounded);
        r = L.MultiplyAdd(n, L.Fill(-LnTwoLow), r);
        var p = L.Fill(1.381454398e-3f);
        p = L.MultiplyAdd(p, r, L.Fill(8.368780309e-3f));
        p = L.MultiplyAdd(p, r, L.Fill(4.16683931e-2f));
        p = L.MultiplyAdd(p, r, L.Fill(1.666652011e-1f));
        p = L.MultiplyAdd(p, r, L.Fill(4.999999342e-1f));
        p = L.MultiplyAdd(p, r, L.Fill(1f));
        return L.Scale(L.MultiplyAdd(p, r, L.Fill(1f)), n);
    }

    /// <summary>2^t within 3 ulp, cheaper than <see cref="Exp"/>: for a t that is exact enough.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V PowerOfTwo<L, V>(V t)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var f = L.Fraction(t, out var whole);
        var p = L.Fill(1.86712225e-3f);
        p = L.MultiplyAdd(p, f, L.Fill(9.017048536e-3f));
        p = L.MultiplyAdd(p, f, L.Fill(5.579989976e-2f));
        p = L.MultiplyAdd(p, f, L.Fill(2.401644528e-1f));
        p = L.MultiplyAdd(p, f, L.Fill(6.931513119e-1f));
        return L.Scale(L.MultiplyAdd(p, f, L.Fill(1f)), whole);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Log<L, V>(V x)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        const float smallestNormal = 1.17549435e-38f, scale = 33554432f;   // 2^25
        var subnormal = L.Less(x, L.Fill(smallestNormal));
        var scaled = L.Select(subnormal, L.Multiply(x, L.Fill(scale)), x);
        var m = L.Subtract(L.Split(scaled, out var e), L.Fill(1f));
        e = L.Select(subnormal, L.Subtract(e, L.Fill(25f)), e);
        var p = L.Fill(7.0376836292e-2f);
        p = L.MultiplyAdd(p, m, L.Fill(-1.1514610310e-1f));
        p = L.MultiplyAdd(p, m, L.Fill(1.1676998740e-1f));
        p = L.MultiplyAdd(p, m, L.Fill(-1.2420140846e-1f));
        p = L.MultiplyAdd(p, m, L.Fill(1.4249322787e-1f));
        p = L.MultiplyAdd(p, m, L.Fill(-1.6668057665e-1f));
        p = L.MultiplyAdd(p, m, L.Fill(2.0000714765e-1f));
        p = L.MultiplyAdd(p, m, L.Fill(-2.4999993993e-1f));
        p = L.MultiplyAdd(p, m, L.Fill(3.3333331174e-1f));
        var z = L.Multiply(m, m);
        var y = L.Multiply(L.Multiply(m, z), p);
        y = L.MultiplyAdd(e, L.Fill(LnTwoLow), y);
        y = L.MultiplyAdd(z, L.Fill(-0.5f), y);
        y = L.MultiplyAdd(e, L.Fill(LnTwoHigh), L.Add(m, y));
        y = L.Select(L.Equal(x, L.Fill(float.PositiveInfinity)), x, y);
        y = L.Select(L.Equal(x, L.Fill(0f)), L.Fill(float.NegativeInfinity), y);
        return L.Select(L.Less(x, L.Fill(0f)), L.Fill(float.NaN), L.Select(L.Equal(x, x), y, x));
    }

    /// <summary>log(1 + u) for u in [0, 1], with the rounding of 1 + u corrected to first order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V LogOnePlus<L, V>(V u)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var sum = L.Add(L.Fill(1f), u);
        var lost = L.Subtract(u, L.Subtract(sum, L.Fill(1f)));
        return L.Add(Log<L, V>(sum), L.Divide(lost, sum));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Sigmoid<L, V>(V x)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => Sigmoid<L, V>(x, L.Fill(1f));

    /// <summary>factor / (1 + exp(-x)).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Sigmoid<L, V>(V x, V factor)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => L.Divide(factor, L.Add(L.Fill(1f), PowerOfTwo<L, V>(L.Multiply(x, L.Fill(-LogTwoE)))));

    /// <summary>x P(x^2) / Q(x^2), within 2.1e-8 as far as tanh x is not 1 in single precision.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Tanh<L, V>(V x)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        const float isOne = 8.9f;
        var bounded = L.Clamp(x, -isOne, isOne);
        var z = L.Multiply(bounded, bounded);
        var p = L.Fill(1.333602193e-8f);
        p = L.MultiplyAdd(p, z, L.Fill(2.059596396e-5f));
        p = L.MultiplyAdd(p, z, L.Fill(3.494805576e-3f));
        p = L.MultiplyAdd(p, z, L.Fill(1.338037173e-1f));
        p = L.MultiplyAdd(p, z, L.Fill(0.9999999798f));
        var q = L.Fill(7.769027726e-7f);
        q = L.MultiplyAdd(q, z, L.Fill(3.284344698e-4f));
        q = L.MultiplyAdd(q, z, L.Fill(2.587402043e-2f));
        q = L.MultiplyAdd(q, z, L.Fill(4.67136874e-1f));
        q = L.MultiplyAdd(q, z, L.Fill(1f));
        return L.Clamp(L.Divide(L.Multiply(bounded, p), q), -1f, 1f);
    }

    /// <summary>x P(x^2) / Q(x^2), within 5.3e-8 as far as erf x is not 1 in single precision.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Erf<L, V>(V x)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        const float isOne = 3.9f;
        var bounded = L.Clamp(x, -isOne, isOne);
        var z = L.Multiply(bounded, bounded);
        var p = L.Fill(1.991632904e-8f);
        p = L.MultiplyAdd(p, z, L.Fill(-1.955719216e-6f));
        p = L.MultiplyAdd(p, z, L.Fill(1.415135673e-4f));
        p = L.MultiplyAdd(p, z, L.Fill(3.689346432e-3f));
        p = L.MultiplyAdd(p, z, L.Fill(5.053581924e-2f));
        p = L.MultiplyAdd(p, z, L.Fill(1.99650716e-1f));
        p = L.MultiplyAdd(p, z, L.Fill(1.128379113f));
        var q = L.Fill(9.529240606e-4f);
        q = L.MultiplyAdd(q, z, L.Fill(1.432890835e-2f));
        q = L.MultiplyAdd(q, z, L.Fill(1.148840356e-1f));
        q = L.MultiplyAdd(q, z, L.Fill(5.102675624e-1f));
        q = L.MultiplyAdd(q, z, L.Fill(1f));
        return L.Clamp(L.Divide(L.Multiply(bounded, p), q), -1f, 1f);
    }
}
