using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>Arguments of one micro-kernel call: some rows and columns of a product that is summed over pixels, each operand read where it lies.</summary>
internal unsafe struct PixelTile
{
    /// <summary>Rows of the widest tile.</summary>
    public const int MaxRows = 8;

    /// <summary>Registers of columns of the widest tile.</summary>
    public const int MaxRegisters = 3;

    /// <summary>For each row of the tile where its element of the first pixel is.</summary>
    public float** Rows;

    /// <summary>Floats from one pixel to the next.</summary>
    public nint RowStep;

    /// <summary>Floats from one line of pixels to the next.</summary>
    public nint RowLine;

    /// <summary>The first pixel's columns, which are neighbours.</summary>
    public float* Columns;

    /// <summary>Floats from one pixel to the next.</summary>
    public nint ColumnStep;

    /// <summary>Floats from one line of pixels to the next.</summary>
    public nint ColumnLine;

    /// <summary>Lines.</summary>
    public int Lines;

    /// <summary>Pixels of a line.</summary>
    public int Pixels;

    /// <summary>Written: [row][<see cref="MaxRegisters"/> registers].</summary>
    public float* Sums;
}

/// <summary>The micro-kernels of <see cref="PixelProducts"/>: outer products accumulated in registers over lines of pixels.</summary>
internal static unsafe class PixelTiles
{
    /// <summary>Runs the kernel for a tile of 4 or 8 rows and 1 to <see cref="PixelTile.MaxRegisters"/> registers.</summary>
    public static void Run<L, V>(PixelTile* t, int rows, int registers)
        where L : unmanaged, ITileLanes<V>
        where V : unmanaged
    {
        switch (rows, registers)
        {
            case (8, 3): Rows8x3<L, V>(t); break;
            case (8, 2): Rows8x2<L, V>(t); break;
            case (8, 1): Rows8x1<L, V>(t); break;
            case (4, 3): Rows4x3<L, V>(t); break;
            case (4, 2): Rows4x2<L, V>(t); break;
            default: Rows4x1<L, V>(t); break;
        }
    }

    /// <summary>Eight rows, three registers of columns: 24 accumulators, for register files of 32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows8x3<L, V>(PixelTile* t)
        where L : unmanaged, ITileLanes<V>
        where V : unmanaged
    {
        V c00 = default, c01 = default, c02 = default;
        V c10 = default, c11 = default, c12 = default;
        V c20 = default, c21 = default, c22 = default;
        V c30 = default, c31 = default, c32 = default;
        V c40 = default, c41 = default, c42 = default;
        V c50 = default, c51 = default, c52 = default;
        V c60 = default, c61 = default, c62 = default;
        V c70 = default, c71 = default, c72 = default;
        var rows = t->Rows;
        var a0 = rows[0]; var a1 = rows[1]; var a2 = rows[2]; var a3 = rows[3];
        var a4 = rows[4]; var a5 = rows[5]; var a6 = rows[6]; var a7 = rows[7];
        var (rowStep, columnStep) = (t->RowStep, t->ColumnStep);
        for (nint line = 0; line < t->Lines; line++)
        {
            var b = t->Columns + (line * t->ColumnLine);
            var k = line * t->RowLine;
            for (var pixel = t->Pixels; pixel > 0; pixel--)
            {
                var b0 = L.Load(b);
                var b1 = L.Load(b + L.Count);
                var b2 = L.Load(b + (2 * L.Count));
                b += columnStep;
                V x;
                x = L.Broadcast(a0 + k); c00 = L.MultiplyAdd(x, b0, c00); c01 = L.MultiplyAdd(x, b1, c01); c02 = L.MultiplyAdd(x, b2, c02);
                x = L.Broadcast(a1 + k); c10 = L.MultiplyAdd(x, b0, c10); c11 = L.MultiplyAdd(x, b1, c11); c12 = L.MultiplyAdd(x, b2, c12);
                x = L.Broadcast(a2 + k); c20 = L.MultiplyAdd(x, b0, c20); c21 = L.MultiplyAdd(x, b1, c21); c22 = L.MultiplyAdd(x, b2, c22);
                x = L.Broadcast(a3 + k); c30 = L.MultiplyAdd(x, b0, c30); c31 = L.MultiplyAdd(x, b1, c31); c32 = L.MultiplyAdd(x, b2, c32);
                x = L.Broadcast(a4 + k); c40 = L.MultiplyAdd(x, b0, c40); c41 = L.MultiplyAdd(x, b1, c41); c42 = L.MultiplyAdd(x, b2, c42);
                x = L.Broadcast(a5 + k); c50 = L.MultiplyAdd(x, b0, c50); c51 = L.MultiplyAdd(x, b1, c51); c52 = L.MultiplyAdd(x, b2, c52);
                x = L.Broadcast(a6 + k); c60 = L.MultiplyAdd(x, b0, c60); c61 = L.MultiplyAdd(x, b1, c61); c62 = L.MultiplyAdd(x, b2, c62);
                x = L.Broadcast(a7 + k); c70 = L.MultiplyAdd(x, b0, c70); c71 = L.MultiplyAdd(x, b1, c71); c72 = L.MultiplyAdd(x, b2, c72);
                k += rowStep;
            }
        }
        var sums = t->Sums;
        L.Store(c00, sums); L.Store(c01, sums + L.Count); L.Store(c02, sums + (2 * L.Count));
        L.Store(c10, sums + (3 * L.Count)); L.Store(c11, sums + (4 * L.Count)); L.Store(c12, sums + (5 * L.Count));
        L.Store(c20, sums + (6 * L.Count)); L.Store(c21, sums + (7 * L.Count)); L.Store(c22, sums + (8 * L.Count));
        L.Store(c30, sums + (9 * L.Count)); L.Store(c31, sums + (10 * L.Count)); L.Store(c32, sums + (11 * L.Count));
        L.Store(c40, sums + (12 * L.Count)); L.Store(c41, sums + (13 * L.Count)); L.Store(c42, sums + (14 * L.Count));
        L.Store(c50, sums + (15 * L.Count)); L.Store(c51, sums + (16 * L.Count)); L.Store(c52, sums + (17 * L.Count));
        L.Store(c60, sums + (18 * L.Count)); L.Store(c61, sums + (19 * L.Count)); L.Store(c62, sums + (20 * L.Count));
        L.Store(c70, sums + (21 * L.Count)); L.Store(c71, sums + (22 * L.Count)); L.Store(c72, sums + (23 * L.Count));
    }

    /// <summary>Eight rows, two registers of columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows8x2<L, V>(PixelTile* t)
        where L : unmanaged, ITileLanes<V>
        where V : unmanaged
    {
        V c00 = default, c01 = default;
        V c10 = default, c11 = default;
        V c20 = default, c21 = default;
        V c30 = default, c31 = default;
        V c40 = default, c41 = default;
        V c50 = default, c51 = default;
        V c60 = default, c61 = default;
        V c70 = default, c71 = default;
        var rows = t->Rows;
        var a0 = rows[0]; var a1 = rows[1]; var a2 = rows[2]; var a3 = rows[3];
        var a4 = rows[4]; var a5 = rows[5]; var a6 = rows[6]; var a7 = rows[7];
        var (rowStep, columnStep) = (t->RowStep, t->ColumnStep);
        for (nint line = 0; line < t->Lines; line++)
        {
            var b = t->Columns + (line * t->ColumnLine);
            var k = line * t->RowLine;
            for (var pixel = t->Pixels; pixel > 0; pixel--)
            {
                var b0 = L.Load(b);
                var b1 = L.Load(b + L.Count);
                b += columnStep;
                V x;
                x = L.Broadcast(a0 + k); c00 = L.MultiplyAdd(x, b0, c00); c01 = L.MultiplyAdd(x, b1, c01);
                x = L.Broadcast(a1 + k); c10 = L.MultiplyAdd(x, b0, c10); c11 = L.MultiplyAdd(x, b1, c11);
                x = L.Broadcast(a2 + k); c20 = L.MultiplyAdd(x, b0, c20); c21 = L.MultiplyAdd(x, b1, c21);
                x = L.Broadcast(a3 + k); c30 = L.MultiplyAdd(x, b0, c30); c31 = L.MultiplyAdd(x, b1, c31);
                x = L.Broadcast(a4 + k); c40 = L.MultiplyAdd(x, b0, c40); c41 = L.MultiplyAdd(x, b1, c41);
                x = L.Broadcast(a5 + k); c50 = L.MultiplyAdd(x, b0, c50); c51 = L.MultiplyAdd(x, b1, c51);
                x = L.Broadcast(a6 + k); c60 = L.MultiplyAdd(x, b0, c60); c61 = L.MultiplyAdd(x, b1, c61);
                x = L.Broadcast(a7 + k); c70 = L.MultiplyAdd(x, b0, c70); c71 = L.MultiplyAdd(x, b1, c71);
                k += rowStep;
            }
        }
        var sums = t->Sums;
        L.Store(c00, sums); L.Store(c01, sums + L.Count);
        L.Store(c10, sums + (3 * L.Count)); L.Store(c11, sums + (4 * L.Count));
        L.Store(c20, sums + (6 * L.Count)); L.Store(c21, sums + (7 * L.Count));
        L.Store(c30, sums + (9 * L.Count)); L.Store(c31, sums + (10 * L.Count));
        L.Store(c40, sums + (12 * L.Count)); L.Store(c41, sums + (13 * L.Count));
        L.Store(c50, sums + (15 * L.Count)); L.Store(c51, sums + (16 * L.Count));
        L.Store(c60, sums + (18 * L.Count)); L.Store(c61, sums + (19 * L.Count));
        L.Store(c70, sums + (21 * L.Count)); L.Store(c71, sums + (22 * L.Count));
    }

    /// <summary>Eight rows, one register of columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows8x1<L, V>(PixelTile* t)
        where L : unmanaged, ITileLanes<V>
        where V : unmanaged
    {
        V c00 = default;
        V c10 = default;
        V c20 = default;
        V c30 = default;
        V c40 = default;
        V c50 = default;
        V c60 = default;
        V c70 = default;
        var rows = t->Rows;
        var a0 = rows[0]; var a1 = rows[1]; var a2 = rows[2]; var a3 = rows[3];
        var a4 = rows[4]; var a5 = rows[5]; var a6 = rows[6]; var a7 = rows[7];
        var (rowStep, columnStep) = (t->RowStep, t->ColumnStep);
        for (nint line = 0; line < t->Lines; line++)
        {
            var b = t->Columns + (line * t->ColumnLine);
            var k = line * t->RowLine;
            for (var pixel = t->Pixels; pixel > 0; pixel--)
            {
                var b0 = L.Load(b);
                b += columnStep;
                V x;
                x = L.Broadcast(a0 + k); c00 = L.MultiplyAdd(x, b0, c00);
                x = L.Broadcast(a1 + k); c10 = L.MultiplyAdd(x, b0, c10);
                x = L.Broadcast(a2 + k); c20 = L.MultiplyAdd(x, b0, c20);
                x = L.Broadcast(a3 + k); c30 = L.MultiplyAdd(x, b0, c30);
                x = L.Broadcast(a4 + k); c40 = L.MultiplyAdd(x, b0, c40);
                x = L.Broadcast(a5 + k); c50 = L.MultiplyAdd(x, b0, c50);
                x = L.Broadcast(a6 + k); c60 = L.MultiplyAdd(x, b0, c60);
                x = L.Broadcast(a7 + k); c70 = L.MultiplyAdd(x, b0, c70);
                k += rowStep;
            }
        }
        var sums = t->Sums;
        L.Store(c00, sums);
        L.Store(c10, sums + (3 * L.Count));
        L.Store(c20, sums + (6 * L.Count));
        L.Store(c30, sums + (9 * L.Count));
        L.Store(c40, sums + (12 * L.Count));
        L.Store(c50, sums + (15 * L.Count));
        L.Store(c60, sums + (18 * L.Count));
        L.Store(c70, sums + (21 * L.Count));
    }

    /// <summary>Four rows, three registers of columns: 12 accumulators, for register files of 16 and for the last rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows4x3<L, V>(PixelTile* t)
        where L : unmanaged, ITileLanes<V>
        where V : unmanaged
    {
        V c00 = default, c01 = default, c02 = default;
        V c10 = default, c11 = default, c12 = default;
        V c20 = default, c21 = default, c22 = default;
        V c30 = default, c31 = default, c32 = default;
        var rows = t->Rows;
        var a0 = rows[0]; var a1 = rows[1]; var a2 = rows[2]; var a3 = rows[3];
        var (rowStep, columnStep) = (t->RowStep, t->ColumnStep);
        for (nint line = 0; line < t->Lines; line++)
        {
            var b = t->Columns + (line * t->ColumnLine);
            var k = line * t->RowLine;
            for (var pixel = t->Pixels; pixel > 0; pixel--)
            {
                var b0 = L.Load(b);
                var b1 = L.Load(b + L.Count);
                var b2 = L.Load(b + (2 * L.Count));
                b += columnStep;
                V x;
                x = L.Broadcast(a0 + k); c00 = L.MultiplyAdd(x, b0, c00); c01 = L.MultiplyAdd(x, b1, c01); c02 = L.MultiplyAdd(x, b2, c02);
                x = L.Broadcast(a1 + k); c10 = L.MultiplyAdd(x, b0, c10); c11 = L.MultiplyAdd(x, b1, c11); c12 = L.MultiplyAdd(x, b2, c12);
                x = L.Broadcast(a2 + k); c20 = L.MultiplyAdd(x, b0, c20); c21 = L.MultiplyAdd(x, b1, c21); c22 = L.MultiplyAdd(x, b2, c22);
                x = L.Broadcast(a3 + k); c30 = L.MultiplyAdd(x, b0, c30); c31 = L.MultiplyAdd(x, b1, c31); c32 = L.MultiplyAdd(x, b2, c32);
                k += rowStep;
            }
        }
        var sums = t->Sums;
        L.Store(c00, sums); L.Store(c01, sums + L.Count); L.Store(c02, sums + (2 * L.Count));
        L.Store(c10, sums + (3 * L.Count)); L.Store(c11, sums + (4 * L.Count)); L.Store(c12, sums + (5 * L.Count));
        L.Store(c20, sums + (6 * L.Count)); L.Store(c21, sums + (7 * L.Count)); L.Store(c22, sums + (8 * L.Count));
        L.Store(c30, sums + (9 * L.Count)); L.Store(c31, sums + (10 * L.Count)); L.Store(c32, sums + (11 * L.Count));
    }

    /// <summary>Four rows, two registers of columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows4x2<L, V>(PixelTile* t)
        where L : unmanaged, ITileLanes<V>
        where V : unmanaged
    {
        V c00 = default, c01 = default;
        V c10 = default, c11 = default;
        V c20 = default, c21 = default;
        V c30 = default, c31 = default;
        var rows = t->Rows;
        var a0 = rows[0]; var a1 = rows[1]; var a2 = rows[2]; var a3 = rows[3];
        var (rowStep, columnStep) = (t->RowStep, t->ColumnStep);
        for (nint line = 0; line < t->Lines; line++)
        {
            var b = t->Columns + (line * t->ColumnLine);
            var k = line * t->RowLine;
            for (var pixel = t->Pixels; pixel > 0; pixel--)
            {
                var b0 = L.Load(b);
                var b1 = L.Load(b + L.Count);
                b += columnStep;
                V x;
                x = L.Broadcast(a0 + k); c00 = L.MultiplyAdd(x, b0, c00); c01 = L.MultiplyAdd(x, b1, c01);
                x = L.Broadcast(a1 + k); c10 = L.MultiplyAdd(x, b0, c10); c11 = L.MultiplyAdd(x, b1, c11);
                x = L.Broadcast(a2 + k); c20 = L.MultiplyAdd(x, b0, c20); c21 = L.MultiplyAdd(x, b1, c21);
                x = L.Broadcast(a3 + k); c30 = L.MultiplyAdd(x, b0, c30); c31 = L.MultiplyAdd(x, b1, c31);
                k += rowStep;
            }
        }
        var sums = t->Sums;
        L.Store(c00, sums); L.Store(c01, sums + L.Count);
        L.Store(c10, sums + (3 * L.Count)); L.Store(c11, sums + (4 * L.Count));
        L.Store(c20, sums + (6 * L.Count)); L.Store(c21, sums + (7 * L.Count));
        L.Store(c30, sums + (9 * L.Count)); L.Store(c31, sums + (10 * L.Count));
    }

    /// <summary>Four rows, one register of columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows4x1<L, V>(PixelTile* t)
        where L : unmanaged, ITileLanes<V>
        where V : unmanaged
    {
        V c00 = default;
        V c10 = default;
        V c20 = default;
        V c30 = default;
        var rows = t->Rows;
        var a0 = rows[0]; var a1 = rows[1]; var a2 = rows[2]; var a3 = rows[3];
        var (rowStep, columnStep) = (t->RowStep, t->ColumnStep);
        for (nint line = 0; line < t->Lines; line++)
        {
            var b = t->Columns + (line * t->ColumnLine);
            var k = line * t->RowLine;
            for (var pixel = t->Pixels; pixel > 0; pixel--)
            {
                var b0 = L.Load(b);
                b += columnStep;
                V x;
                x = L.Broadcast(a0 + k); c00 = L.MultiplyAdd(x, b0, c00);
                x = L.Broadcast(a1 + k); c10 = L.MultiplyAdd(x, b0, c10);
                x = L.Broadcast(a2 + k); c20 = L.MultiplyAdd(x, b0, c20);
                x = L.Broadcast(a3 + k); c30 = L.MultiplyAdd(x, b0, c30);
                k += rowStep;
            }
        }
        var sums = t->Sums;
        L.Store(c00, sums);
        L.Store(c10, sums + (3 * L.Count));
        L.Store(c20, sums + (6 * L.Count));
        L.Store(c30, sums + (9 * L.Count));
    }
}
