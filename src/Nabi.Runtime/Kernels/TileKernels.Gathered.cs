using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <content>Kernels whose rows were gathered into one block, as weight gradients need them.</content>
internal static unsafe partial class TileKernels
{
    /// <summary>Eight rows gathered as [depth][8] behind the first row pointer, one panel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Gathered8x2<L, V>(TileArguments* t)
        where L : unmanaged, ITileLanes<V>
        where V : unmanaged
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
        var a = t->Inputs[0];
        for (var k = t->Depth; k > 0; k--)
        {
            var b0 = L.Load(panel);
            var b1 = L.Load(panel + L.Count);
            panel += 2 * L.Count;
            V x;
            x = L.Broadcast(a); c00 = L.MultiplyAdd(x, b0, c00); c01 = L.MultiplyAdd(x, b1, c01);
            x = L.Broadcast(a + 1); c10 = L.MultiplyAdd(x, b0, c10); c11 = L.MultiplyAdd(x, b1, c11);
            x = L.Broadcast(a + 2); c20 = L.MultiplyAdd(x, b0, c20); c21 = L.MultiplyAdd(x, b1, c21);
            x = L.Broadcast(a + 3); c30 = L.MultiplyAdd(x, b0, c30); c31 = L.MultiplyAdd(x, b1, c31);
            x = L.Broadcast(a + 4); c40 = L.MultiplyAdd(x, b0, c40); c41 = L.MultiplyAdd(x, b1, c41);
            x = L.Broadcast(a + 5); c50 = L.MultiplyAdd(x, b0, c50); c51 = L.MultiplyAdd(x, b1, c51);
            x = L.Broadcast(a + 6); c60 = L.MultiplyAdd(x, b0, c60); c61 = L.MultiplyAdd(x, b1, c61);
            x = L.Broadcast(a + 7); c70 = L.MultiplyAdd(x, b0, c70); c71 = L.MultiplyAdd(x, b1, c71);
            a += 8;
        }
        Store<L, V>(t, 0, c00, c01, default);
        Store<L, V>(t, 1, c10, c11, default);
        Store<L, V>(t, 2, c20, c21, default);
        Store<L, V>(t, 3, c30, c31, default);
        Store<L, V>(t, 4, c40, c41, default);
        Store<L, V>(t, 5, c50, c51, default);
        Store<L, V>(t, 6, c60, c61, default);
        Store<L, V>(t, 7, c70, c71, default);
    }

    /// <summary>Eight gathered rows, the first register of a panel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Gathered8x1<L, V>(TileArguments* t)
        where L : unmanaged, ITileLanes<V>
        where V : unmanaged
    {
        var c00 = Start<L, V>(t, 0);
        var c10 = c00;
        var c20 = c00;
        var c30 = c00;
        var c40 = c00;
        var c50 = c00;
        var c60 = c00;
        var c70 = c00;
        var panel = t->Panel;
        var a = t->Inputs[0];
        for (var k = t->Depth; k > 0; k--)
        {
            var b0 = L.Load(panel);
            panel += 2 * L.Count;
            V x;
            x = L.Broadcast(a); c00 = L.MultiplyAdd(x, b0, c00);
            x = L.Broadcast(a + 1); c10 = L.MultiplyAdd(x, b0, c10);
            x = L.Broadcast(a + 2); c20 = L.MultiplyAdd(x, b0, c20);
            x = L.Broadcast(a + 3); c30 = L.MultiplyAdd(x, b0, c30);
            x = L.Broadcast(a + 4); c40 = L.MultiplyAdd(x, b0, c40);
            x = L.Broadcast(a + 5); c50 = L.MultiplyAdd(x, b0, c50);
            x = L.Broadcast(a + 6); c60 = L.MultiplyAdd(x, b0, c60);
            x = L.Broadcast(a + 7); c70 = L.MultiplyAdd(x, b0, c70);
            a += 8;
        }
        Store<L, V>(t, 0, c00, default);
        Store<L, V>(t, 1, c10, default);
        Store<L, V>(t, 2, c20, default);
        Store<L, V>(t, 3, c30, default);
        Store<L, V>(t, 4, c40, default);
        Store<L, V>(t, 5, c50, default);
        Store<L, V>(t, 6, c60, default);
        Store<L, V>(t, 7, c70, default);
    }

    /// <summary>Four rows gathered as [depth][4], one panel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Gathered4x2<L, V>(TileArguments* t)
        where L : unmanaged, ITileLanes<V>
        where V : unmanaged
    {
        var c00 = Start<L, V>(t, 0);
        var c01 = Start<L, V>(t, 1);
        var c10 = c00; var c11 = c01;
        var c20 = c00; var c21 = c01;
        var c30 = c00; var c31 = c01;
        var panel = t->Panel;
        var a = t->Inputs[0];
        for (var k = t->Depth; k > 0; k--)
        {
            var b0 = L.Load(panel);
            var b1 = L.Load(panel + L.Count);
            panel += 2 * L.Count;
            V x;
            x = L.Broadcast(a); c00 = L.MultiplyAdd(x, b0, c00); c01 = L.MultiplyAdd(x, b1, c01);
            x = L.Broadcast(a + 1); c10 = L.MultiplyAdd(x, b0, c10); c11 = L.MultiplyAdd(x, b1, c11);
            x = L.Broadcast(a + 2); c20 = L.MultiplyAdd(x, b0, c20); c21 = L.MultiplyAdd(x, b1, c21);
            x = L.Broadcast(a + 3); c30 = L.MultiplyAdd(x, b0, c30); c31 = L.MultiplyAdd(x, b1, c31);
            a += 4;
        }
        Store<L, V>(t, 0, c00, c01, default);
        Store<L, V>(t, 1, c10, c11, default);
        Store<L, V>(t, 2, c20, c21, default);
        Store<L, V>(t, 3, c30, c31, default);
    }
}
