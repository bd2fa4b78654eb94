using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>Elementary functions in single precision, the same sequence of operations at every width.</summary>
/// <remarks>
/// Range reduction and polynomials after S. Moshier's Cephes library (expf, logf, tanhf, erff). Largest errors, checked by tests against
/// double precision: exp 2 ulp, log 2 ulp, tanh 3 ulp, sigmoid 3 ulp, erf 5e-7 absolute. exp flushes results below 2^-125 to zero.
/// </remarks>
internal static class VectorMath
{
    /// <summary>ln 2 in two parts; the first has nine significant bits, so that n * LnTwoHigh is exact.</summary>
    private const float LnTwoHigh = 0.693359375f;
    private const float LnTwoLow = -2.12194440e-4f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Exp<L, V>(V x)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        const float overflow = 88.72284f, underflow = -86.9f;
        var bounded = L.Clamp(x, underflow, overflow);
        var n = L.Round(L.Multiply(bounded, L.Fill(1.44269504f)));
        var r = L.MultiplyAdd(n, L.Fill(-LnTwoHigh), bounded);
        r = L.MultiplyAdd(n, L.Fill(-LnTwoLow), r);
        var p = L.Fill(1.9875691500e-4f);
        p = L.MultiplyAdd(p, r, L.Fill(1.3981999507e-3f));
        p = L.MultiplyAdd(p, r, L.Fill(8.3334519073e-3f));
        p = L.MultiplyAdd(p, r, L.Fill(4.1665795894e-2f));
        p = L.MultiplyAdd(p, r, L.Fill(1.6666665459e-1f));
        p = L.MultiplyAdd(p, r, L.Fill(5.0000001201e-1f));
        p = L.Add(L.MultiplyAdd(p, L.Multiply(r, r), r), L.Fill(1f));
        // n reaches 128, one more than a float's largest exponent: scale in two steps.
        var y = L.Multiply(L.Multiply(p, L.PowerOfTwo(L.Subtract(n, L.Fill(1f)))), L.Fill(2f));
        y = L.Select(L.Less(L.Fill(overflow), x), L.Fill(float.PositiveInfinity), y);
        return L.Select(L.Less(x, L.Fill(underflow)), L.Fill(0f), y);
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
        where V : unmanaged => L.Divide(L.Fill(1f), L.Add(L.Fill(1f), Exp<L, V>(L.Negate(x))));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Tanh<L, V>(V x)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var magnitude = L.Abs(x);
        var z = L.Multiply(x, x);
        var p = L.Fill(-5.70498872745e-3f);
        p = L.MultiplyAdd(p, z, L.Fill(2.06390887954e-2f));
        p = L.MultiplyAdd(p, z, L.Fill(-5.37397155531e-2f));
        p = L.MultiplyAdd(p, z, L.Fill(1.33314422036e-1f));
        p = L.MultiplyAdd(p, z, L.Fill(-3.33332819422e-1f));
        var small = L.MultiplyAdd(L.Multiply(p, z), x, x);
        var e = Exp<L, V>(L.Add(magnitude, magnitude));
        var large = L.Subtract(L.Fill(1f), L.Divide(L.Fill(2f), L.Add(e, L.Fill(1f))));
        return L.Select(L.Less(magnitude, L.Fill(0.625f)), small, L.CopySign(large, x));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Erf<L, V>(V x)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var magnitude = L.Abs(x);
        var z = L.Multiply(x, x);
        var p = L.Fill(7.853861353153693e-5f);
        p = L.MultiplyAdd(p, z, L.Fill(-8.010193625184903e-4f));
        p = L.MultiplyAdd(p, z, L.Fill(5.188327685732524e-3f));
        p = L.MultiplyAdd(p, z, L.Fill(-2.685381193529856e-2f));
        p = L.MultiplyAdd(p, z, L.Fill(1.128358514861418e-1f));
        p = L.MultiplyAdd(p, z, L.Fill(-3.761262582423300e-1f));
        p = L.MultiplyAdd(p, z, L.Fill(1.128379165726710e+0f));
        var small = L.Multiply(p, x);
        // Abramowitz and Stegun 7.1.26, used from 1 upwards.
        var t = L.Divide(L.Fill(1f), L.MultiplyAdd(magnitude, L.Fill(0.3275911f), L.Fill(1f)));
        var q = L.Fill(1.061405429f);
        q = L.MultiplyAdd(q, t, L.Fill(-1.453152027f));
        q = L.MultiplyAdd(q, t, L.Fill(1.421413741f));
        q = L.MultiplyAdd(q, t, L.Fill(-0.284496736f));
        q = L.MultiplyAdd(q, t, L.Fill(0.254829592f));
        var tail = L.Multiply(L.Multiply(q, t), Exp<L, V>(L.Negate(z)));
        var large = L.CopySign(L.Subtract(L.Fill(1f), tail), x);
        return L.Select(L.Less(magnitude, L.Fill(1f)), small, large);
    }
}
