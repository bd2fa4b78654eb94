using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>Independent chains of multiply-adds in registers: what a core can do at most, at this width.</summary>
internal unsafe struct PeakKernel : IKernel
{
    /// <summary>More than latency times units of any processor, fewer than its registers.</summary>
    private const int Chains = 12;

    /// <summary>Multiply-adds of every chain.</summary>
    public const int Rounds = 100_000;

    /// <summary>Floating-point operations of a run.</summary>
    public static double Operations => 2.0 * Rounds * Chains * Simd.Lanes;

    /// <summary>The sum of the chains, so that they are not optimised away.</summary>
    public float Result;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Run<L, V>(int worker, int workers)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        V x = L.Fill(1e-9f), y = L.Fill(0.5f);
        V a = x, b = x, c = x, d = x, e = x, f = x, g = x, h = x, i = x, j = x, k = x, l = x;
        for (var n = 0; n < Rounds; n++)
        {
            a = L.MultiplyAdd(a, y, x);
            b = L.MultiplyAdd(b, y, x);
            c = L.MultiplyAdd(c, y, x);
            d = L.MultiplyAdd(d, y, x);
            e = L.MultiplyAdd(e, y, x);
            f = L.MultiplyAdd(f, y, x);
            g = L.MultiplyAdd(g, y, x);
            h = L.MultiplyAdd(h, y, x);
            i = L.MultiplyAdd(i, y, x);
            j = L.MultiplyAdd(j, y, x);
            k = L.MultiplyAdd(k, y, x);
            l = L.MultiplyAdd(l, y, x);
        }
        var sum = L.Add(L.Add(L.Add(a, b), L.Add(c, d)), L.Add(L.Add(e, f), L.Add(g, h)));
        Result = L.Sum(L.Add(sum, L.Add(L.Add(i, j), L.Add(k, l))));
    }
}
