using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Nabi.Runtime.Kernels;

/// <content>Kernels that ask for memory which is needed soon, so that it arrives while they multiply.</content>
internal static unsafe partial class TileKernels
{
    /// <summary>Floats of a cache line.</summary>
    private const int LineFloats = 16;

    /// <summary>Eight rows, one panel; with every step of the depth a cache line of what comes next is asked into the second-level cache.</summary>
    /// <param name="t">The tiles.</param>
    /// <param name="next">First line to ask for; need not be readable.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Rows8x2<L, V>(TileArguments* t, float* next)
        where L : unmanaged, ITileLanes<V>
        where V : unmanaged
    {
        var at = default(TilePosition);
        var tiles = t->Tiles;
        do
        {
            var c00 = Start<L, V>(t, 0);
            var c01 = Start<L, V>(t, 1);
            var c10 = c00; var c11 = c01;
            var c20 = c00; var c21 = c01;
            var c30 = c00; var c31 = c01;
            var c40 = c00; var c41 = c01;
            var c50 = c00; var c51 = c01;
            var c60 = c00; var c61 = c01;
            var c70 = c00; var c71 = c01;
            var panel = t->Panel;
            var inputs = t->Inputs;
            var depth = t->Depth;
            for (var tap = t->Taps; tap > 0; tap--)
            {
                var a0 = inputs[0] + at.Input; var a1 = inputs[1] + at.Input; var a2 = inputs[2] + at.Input; var a3 = inputs[3] + at.Input;
                var a4 = inputs[4] + at.Input; var a5 = inputs[5] + at.Input; var a6 = inputs[6] + at.Input; var a7 = inputs[7] + at.Input;
                inputs += 8;
                for (nint k = 0; k < depth; k++)
                {
                    var b0 = L.Load(panel);
                    var b1 = L.Load(panel + L.Count);
                    panel += 2 * L.Count;
                    if (Sse.IsSupported) Sse.Prefetch1(next);
                    next += LineFloats;
                    V x;
                    x = L.Broadcast(a0 + k); c00 = L.MultiplyAdd(x, b0, c00); c01 = L.MultiplyAdd(x, b1, c01);
                    x = L.Broadcast(a1 + k); c10 = L.MultiplyAdd(x, b0, c10); c11 = L.MultiplyAdd(x, b1, c11);
                    x = L.Broadcast(a2 + k); c20 = L.MultiplyAdd(x, b0, c20); c21 = L.MultiplyAdd(x, b1, c21);
                    x = L.Broadcast(a3 + k); c30 = L.MultiplyAdd(x, b0, c30); c31 = L.MultiplyAdd(x, b1, c31);
                    x = L.Broadcast(a4 + k); c40 = L.MultiplyAdd(x, b0, c40); c41 = L.MultiplyAdd(x, b1, c41);
                    x = L.Broadcast(a5 + k); c50 = L.MultiplyAdd(x, b0, c50); c51 = L.MultiplyAdd(x, b1, c51);
                    x = L.Broadcast(a6 + k); c60 = L.MultiplyAdd(x, b0, c60); c61 = L.MultiplyAdd(x, b1, c61);
                    x = L.Broadcast(a7 + k); c70 = L.MultiplyAdd(x, b0, c70); c71 = L.MultiplyAdd(x, b1, c71);
                }
            }
            Store<L, V>(t, 0, c00, c01, at);
            Store<L, V>(t, 1, c10, c11, at);
            Store<L, V>(t, 2, c20, c21, at);
            Store<L, V>(t, 3, c30, c31, at);
            Store<L, V>(t, 4, c40, c41, at);
            Store<L, V>(t, 5, c50, c51, at);
            Store<L, V>(t, 6, c60, c61, at);
            Store<L, V>(t, 7, c70, c71, at);
            at.Advance(t);
        }
        while (--tiles > 0);
    }
}
