using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>Arguments of one micro-kernel call: a tile of rows times one packed panel.</summary>
internal unsafe struct TileArguments
{
    /// <summary>Row pointers, tile rows for tap 0, then for tap 1, and so on.</summary>
    public float** Inputs;

    /// <summary>Whether the first row pointer leads to all rows of the tile, gathered as [Depth][rows].</summary>
    public bool Gathered;

    /// <summary>Groups of row pointers.</summary>
    public int Taps;

    /// <summary>Elements read through each row pointer.</summary>
    public nint Depth;

    /// <summary>Packed panel, [Taps * Depth][2 * lanes].</summary>
    public float* Panel;

    /// <summary>Distance to the next panel, used by the one-row kernel that takes two.</summary>
    public nint PanelStride;

    /// <summary>One result pointer per tile row.</summary>
    public float** Outputs;

    /// <summary>Bias of the panel's columns, or null.</summary>
    public float* Bias;

    /// <summary>Whether the result's old content is added.</summary>
    public bool Load;

    /// <summary>Whether the result is limited to [<see cref="Low"/>, <see cref="High"/>].</summary>
    public bool Clamp;

    /// <summary>Lower limit.</summary>
    public float Low;

    /// <summary>Upper limit.</summary>
    public float High;
}

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
            if (narrow)
                Rows8x1<L, V>(t);
            else
                Rows8x2<L, V>(t);
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
            var a0 = inputs[0]; var a1 = inputs[1]; var a2 = inputs[2]; var a3 = inputs[3];
            var a4 = inputs[4]; var a5 = inputs[5]; var a6 = inputs[6]; var a7 = inputs[7];
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
        Finish<L, V>(t, 0, c00, c01);
        Finish<L, V>(t, 1, c10, c11);
        Finish<L, V>(t, 2, c20, c21);
        Finish<L, V>(t, 3, c30, c31);
        Finish<L, V>(t, 4, c40, c41);
        Finish<L, V>(t, 5, c50, c51);
        Finish<L, V>(t, 6, c60, c61);
        Finish<L, V>(t, 7, c70, c71);
    }

    /// <summary>Eight rows, the first register of a panel: narrow results.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Rows8x1<L, V>(TileArguments* t)
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
        var inputs = t->Inputs;
        var depth = t->Depth;
        for (var tap = t->Taps; tap > 0; tap--)
        {
            var a0 = inputs[0]; var a1 = inputs[1]; var a2 = inputs[2]; var a3 = inputs[3];
            var a4 = inputs[4]; var a5 = inputs[5]; var a6 = inputs[6]; var a7 = inputs[7];
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
        Finish<L, V>(t, 0, c00);
        Finish<L, V>(t, 1, c10);
        Finish<L, V>(t, 2, c20);
        Finish<L, V>(t, 3, c30);
        Finish<L, V>(t, 4, c40);
        Finish<L, V>(t, 5, c50);
        Finish<L, V>(t, 6, c60);
        Finish<L, V>(t, 7, c70);
    }

    /// <summary>Four rows, one panel: 8 accumulators, for register files of 16 and for the last rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Rows4x2<L, V>(TileArguments* t)
        where L : unmanaged, ITileLanes<V>
        where V : unmanaged
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
            var a0 = inputs[0]; var a1 = inputs[1]; var a2 = inputs[2]; var a3 = inputs[3];
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
        Finish<L, V>(t, 0, c00, c01);
        Finish<L, V>(t, 1, c10, c11);
        Finish<L, V>(t, 2, c20, c21);
        Finish<L, V>(t, 3, c30, c31);
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
        Finish<L, V>(t, 0, c00, c01);
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
        Finish<L, V>(t, 0, c00, c01, c02, c03);
    }

    /// <summary>What register <paramref name="column"/> of a tile row starts from: the bias or zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Start<L, V>(TileArguments* t, int column)
        where L : unmanaged, ITileLanes<V>
        where V : unmanaged
    {
        if (t->Bias is null)
            return default;
        return L.Load(t->Bias + (column * L.Count));
    }

    /// <summary>Adds the old content, clamps and stores one register of a row, <paramref name="column"/> floats from its start.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Finish<L, V>(TileArguments* t, int row, V c0, int column = 0)
        where L : unmanaged, ITileLanes<V>
        where V : unmanaged
    {
        var target = t->Outputs[row] + column;
        if (t->Load)
            c0 = L.Add(c0, L.Load(target));
        if (t->Clamp)
            c0 = L.Clamp(c0, t->Low, t->High);
        L.Store(c0, target);
    }

    /// <summary>The same for two registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Finish<L, V>(TileArguments* t, int row, V c0, V c1, int column = 0)
        where L : unmanaged, ITileLanes<V>
        where V : unmanaged
    {
        var target = t->Outputs[row] + column;
        if (t->Load)
        {
            c0 = L.Add(c0, L.Load(target));
            c1 = L.Add(c1, L.Load(target + L.Count));
        }
        if (t->Clamp)
        {
            c0 = L.Clamp(c0, t->Low, t->High);
            c1 = L.Clamp(c1, t->Low, t->High);
        }
        L.Store(c0, target);
        L.Store(c1, target + L.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish<L, V>(TileArguments* t, int row, V c0, V c1, V c2, V c3)
        where L : unmanaged, ITileLanes<V>
        where V : unmanaged
    {
        var target = t->Outputs[row];
        if (t->Load)
        {
            c0 = L.Add(c0, L.Load(target));
            c1 = L.Add(c1, L.Load(target + L.Count));
            c2 = L.Add(c2, L.Load(target + (2 * L.Count)));
            c3 = L.Add(c3, L.Load(target + (3 * L.Count)));
        }
        if (t->Clamp)
        {
            c0 = L.Clamp(c0, t->Low, t->High);
            c1 = L.Clamp(c1, t->Low, t->High);
            c2 = L.Clamp(c2, t->Low, t->High);
            c3 = L.Clamp(c3, t->Low, t->High);
        }
        L.Store(c0, target);
        L.Store(c1, target + L.Count);
        L.Store(c2, target + (2 * L.Count));
        L.Store(c3, target + (3 * L.Count));
    }
}
