using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>The micro-kernels: outer products accumulated in registers over taps and depth, in the same order at every width and tile size.</summary>
internal static unsafe partial class TileKernels
{
    /// <summary>Runs the kernel for a tile of 1, 4 or 8 rows.</summary>
    /// <param name="t">The tile.</param>
    /// <param name="rows">1, 4 or 8.</param>
    /// <param name="narrow">Whether only the first register of the panel is wanted; with 8 rows only.</param>
    /// <param name="pair">Whether two panels are wanted; with 1 row only.</param>
    public static void Run<L, V>(TileArguments* t, int rows, bool narrow, bool pair)
        where L : unmanaged, ITileLanes<V>
        where V : unmanaged
    {
        if (t->Gathered)
        {
            if (rows == 4)
                Gathered4x2<L, V>(t);
            else if (narrow)
                Gathered8x1<L, V>(t);
            else
                Gathered8x2<L, V>(t);
        }
        else if (rows == 8)
        {
            if (!narrow)
                Rows8x2<L, V>(t);
            else if (t->Tiles > 1)
                Rows16x1<L, V>(t);
            if (narrow && (t->Tiles & 1) != 0)
                Rows8x1<L, V>(t, t->Tiles - 1);
        }
        else if (rows == 4)
        {
            Rows4x2<L, V>(t);
        }
        else if (pair)
        {
            Row1x4<L, V>(t);
        }
        else
        {
            Row1x2<L, V>(t);
        }
    }

    /// <summary>Eight rows, one panel of two registers: 16 accumulators, for register files of 32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Rows8x2<L, V>(TileArguments* t)
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

    /// <summary>Pairs of tiles of eight rows, the first register of a panel: 16 accumulators, so that no product waits for the one before it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Rows16x1<L, V>(TileArguments* t)
        where L : unmanaged, ITileLanes<V>
        where V : unmanaged
    {
        var at = default(TilePosition);
        for (var tiles = t->Tiles; tiles > 1; tiles -= 2)
        {
            var c0 = Start<L, V>(t, 0);
            var c1 = c0; var c2 = c0; var c3 = c0; var c4 = c0; var c5 = c0; var c6 = c0; var c7 = c0;
            var d0 = c0; var d1 = c0; var d2 = c0; var d3 = c0; var d4 = c0; var d5 = c0; var d6 = c0; var d7 = c0;
            var panel = t->Panel;
            var inputs = t->Inputs;
            var depth = t->Depth;
            for (var tap = t->Taps; tap > 0; tap--)
            {
                var a0 = inputs[0] + at.Input; var a1 = inputs[1] + at.Input; var a2 = inputs[2] + at.Input; var a3 = inputs[3] + at.Input;
                var a4 = inputs[4] + at.Input; var a5 = inputs[5] + at.Input; var a6 = inputs[6] + at.Input; var a7 = inputs[7] + at.Input;
                inputs += 8;
                var other = t->InputStep;
                for (nint k = 0; k < depth; k++, other++)
                {
                    var b = L.Load(panel);
                    panel += 2 * L.Count;
                    c0 = L.MultiplyAdd(L.Broadcast(a0 + k), b, c0); d0 = L.MultiplyAdd(L.Broadcast(a0 + other), b, d0);
                    c1 = L.MultiplyAdd(L.Broadcast(a1 + k), b, c1); d1 = L.MultiplyAdd(L.Broadcast(a1 + other), b, d1);
                    c2 = L.MultiplyAdd(L.Broadcast(a2 + k), b, c2); d2 = L.MultiplyAdd(L.Broadcast(a2 + other), b, d2);
                    c3 = L.MultiplyAdd(L.Broadcast(a3 + k), b, c3); d3 = L.MultiplyAdd(L.Broadcast(a3 + other), b, d3);
                    c4 = L.MultiplyAdd(L.Broadcast(a4 + k), b, c4); d4 = L.MultiplyAdd(L.Broadcast(a4 + other), b, d4);
                    c5 = L.MultiplyAdd(L.Broadcast(a5 + k), b, c5); d5 = L.MultiplyAdd(L.Broadcast(a5 + other), b, d5);
                    c6 = L.MultiplyAdd(L.Broadcast(a6 + k), b, c6); d6 = L.MultiplyAdd(L.Broadcast(a6 + other), b, d6);
                    c7 = L.MultiplyAdd(L.Broadcast(a7 + k), b, c7); d7 = L.MultiplyAdd(L.Broadcast(a7 + other), b, d7);
                }
            }
            Store<L, V>(t, 0, c0, at);
            Store<L, V>(t, 1, c1, at);
            Store<L, V>(t, 2, c2, at);
            Store<L, V>(t, 3, c3, at);
            Store<L, V>(t, 4, c4, at);
            Store<L, V>(t, 5, c5, at);
            Store<L, V>(t, 6, c6, at);
            Store<L, V>(t, 7, c7, at);
            at.Advance(t);
            Store<L, V>(t, 0, d0, at);
            Store<L, V>(t, 1, d1, at);
            Store<L, V>(t, 2, d2, at);
            Store<L, V>(t, 3, d3, at);
            Store<L, V>(t, 4, d4, at);
            Store<L, V>(t, 5, d5, at);
            Store<L, V>(t, 6, d6, at);
            Store<L, V>(t, 7, d7, at);
            at.Advance(t);
        }
    }

    /// <summary>Eight rows, the first register of a panel, from tile <paramref name="first"/> on: what <see cref="Rows16x1"/> leaves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Rows8x1<L, V>(TileArguments* t, int first)
        where L : unmanaged, ITileLanes<V>
        where V : unmanaged
    {
        var at = TilePosition.Of(t, first);
        var tiles = t->Tiles - first;
        do
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
                    panel += 2 * L.Count;
                    V x;
                    x = L.Broadcast(a0 + k); c00 = L.MultiplyAdd(x, b0, c00);
                    x = L.Broadcast(a1 + k); c10 = L.MultiplyAdd(x, b0, c10);
                    x = L.Broadcast(a2 + k); c20 = L.MultiplyAdd(x, b0, c20);
                    x = L.Broadcast(a3 + k); c30 = L.MultiplyAdd(x, b0, c30);
                    x = L.Broadcast(a4 + k); c40 = L.MultiplyAdd(x, b0, c40);
                    x = L.Broadcast(a5 + k); c50 = L.MultiplyAdd(x, b0, c50);
                    x = L.Broadcast(a6 + k); c60 = L.MultiplyAdd(x, b0, c60);
                    x = L.Broadcast(a7 + k); c70 = L.MultiplyAdd(x, b0, c70);
                }
            }
            Store<L, V>(t, 0, c00, at);
            Store<L, V>(t, 1, c10, at);
            Store<L, V>(t, 2, c20, at);
            Store<L, V>(t, 3, c30, at);
            Store<L, V>(t, 4, c40, at);
            Store<L, V>(t, 5, c50, at);
            Store<L, V>(t, 6, c60, at);
            Store<L, V>(t, 7, c70, at);
            at.Advance(t);
        }
        while (--tiles > 0);
    }

    /// <summary>Four rows, one panel: 8 accumulators, for register files of 16 and for the last rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Rows4x2<L, V>(TileArguments* t)
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
            var panel = t->Panel;
            var inputs = t->Inputs;
            var depth = t->Depth;
            for (var tap = t->Taps; tap > 0; tap--)
            {
                var a0 = inputs[0] + at.Input; var a1 = inputs[1] + at.Input; var a2 = inputs[2] + at.Input; var a3 = inputs[3] + at.Input;
                inputs += 4;
                for (nint k = 0; k < depth; k++)
                {
                    var b0 = L.Load(panel);
                    var b1 = L.Load(panel + L.Count);
                    panel += 2 * L.Count;
                    V x;
                    x = L.Broadcast(a0 + k); c00 = L.MultiplyAdd(x, b0, c00); c01 = L.MultiplyAdd(x, b1, c01);
                    x = L.Broadcast(a1 + k); c10 = L.MultiplyAdd(x, b0, c10); c11 = L.MultiplyAdd(x, b1, c11);
                    x = L.Broadcast(a2 + k); c20 = L.MultiplyAdd(x, b0, c20); c21 = L.MultiplyAdd(x, b1, c21);
                    x = L.Broadcast(a3 + k); c30 = L.MultiplyAdd(x, b0, c30); c31 = L.MultiplyAdd(x, b1, c31);
                }
            }
            Store<L, V>(t, 0, c00, c01, at);
            Store<L, V>(t, 1, c10, c11, at);
            Store<L, V>(t, 2, c20, c21, at);
            Store<L, V>(t, 3, c30, c31, at);
            at.Advance(t);
        }
        while (--tiles > 0);
    }

    /// <summary>One row, one panel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Row1x2<L, V>(TileArguments* t)
        where L : unmanaged, ITileLanes<V>
        where V : unmanaged
    {
        var c00 = Start<L, V>(t, 0);
        var c01 = Start<L, V>(t, 1);
        var panel = t->Panel;
        var inputs = t->Inputs;
        var depth = t->Depth;
        for (var tap = t->Taps; tap > 0; tap--)
        {
            var a0 = inputs[0];
            inputs += 1;
            for (nint k = 0; k < depth; k++)
            {
                var b0 = L.Load(panel);
                var b1 = L.Load(panel + L.Count);
                panel += 2 * L.Count;
                var x = L.Broadcast(a0 + k); c00 = L.MultiplyAdd(x, b0, c00); c01 = L.MultiplyAdd(x, b1, c01);
            }
        }
        Store<L, V>(t, 0, c00, c01, default);
    }

    /// <summary>One row, two panels: the matrix-vector form.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Row1x4<L, V>(TileArguments* t)
        where L : unmanaged, ITileLanes<V>
        where V : unmanaged
    {
        var c00 = Start<L, V>(t, 0);
        var c01 = Start<L, V>(t, 1);
        var c02 = Start<L, V>(t, 2);
        var c03 = Start<L, V>(t, 3);
        var panel = t->Panel;
        var next = panel + t->PanelStride;
        var inputs = t->Inputs;
        var depth = t->Depth;
        for (var tap = t->Taps; tap > 0; tap--)
        {
            var a0 = inputs[0];
            inputs += 1;
            for (nint k = 0; k < depth; k++)
            {
                var b0 = L.Load(panel);
                var b1 = L.Load(panel + L.Count);
                var b2 = L.Load(next);
                var b3 = L.Load(next + L.Count);
                panel += 2 * L.Count;
                next += 2 * L.Count;
                var x = L.Broadcast(a0 + k); c00 = L.MultiplyAdd(x, b0, c00); c01 = L.MultiplyAdd(x, b1, c01); c02 = L.MultiplyAdd(x, b2, c02); c03 = L.MultiplyAdd(x, b3, c03);
            }
        }
        Store<L, V>(t, 0, c00, c01, default);
        Store<L, V>(t, 0, c02, c03, new TilePosition { Output = 2 * L.Count, Addend = 2 * L.Count });
    }
}
