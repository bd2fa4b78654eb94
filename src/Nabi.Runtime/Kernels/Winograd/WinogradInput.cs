using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>B^T d B of the tiles of an image, channels in the lanes; what a tile sees outside the image is zero.</summary>
internal readonly unsafe struct WinogradInput<TTile>(WinogradGrid grid, float* input, long stride)
    where TTile : unmanaged, IWinogradTile
{
    /// <summary>Writes tiles first.. as [products][tiles][channels].</summary>
    [SkipLocalsInit]
    public void Transform<L, V>(int first, int count, float* transformed)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var rows = stackalloc float[TTile.Points * TTile.Points * L.Count];
        var edge = stackalloc float[TTile.Points * L.Count];
        var place = TilePlace.Of(grid, first);
        for (var tile = 0; tile < count; tile++)
        {
            Tile<L, V>(place, transformed + ((long)tile * grid.InputStride), rows, edge);
            place.MoveOn(grid);
        }
    }

    private void Tile<L, V>(TilePlace place, float* target, float* rows, float* edge)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var points = TTile.Points;
        var (y, x) = ((place.Row * TTile.Outputs) - grid.PadTop, (place.Column * TTile.Outputs) - grid.PadLeft);
        var origin = (((((long)place.Image * grid.ReadHeight) + y) * grid.ReadWidth) + x) * stride;
        var isInside = x >= 0 && x + points <= grid.ReadWidth;
        var rowStride = grid.ReadWidth * stride;
        var (step, plane) = ((nint)stride, (nint)grid.InputPlane);
        for (var channel = 0; channel < grid.ReadChannels; channel += L.Count)
        {
            var left = grid.ReadChannels - channel;
            var row = rows;
            for (var i = 0; i < points; i++, row += points * L.Count)
            {
                if ((uint)(y + i) >= (uint)grid.ReadHeight)
                {
                    for (var j = 0; j < points; j++)
                        L.Store(default, row + (j * L.Count));
                    continue;
                }
                var source = input + origin + (i * rowStride) + channel;
                if (isInside && left >= L.Count)
                {
                    TTile.Input<L, V>(source, step, row, L.Count);
                    continue;
                }
                for (var j = 0; j < points; j++)
                    L.Store((uint)(x + j) < (uint)grid.ReadWidth ? Simd.Load<L, V>(source + (j * step), left) : default, edge + (j * L.Count));
                TTile.Input<L, V>(edge, L.Count, row, L.Count);
            }
            for (var j = 0; j < points; j++)
                TTile.Input<L, V>(rows + (j * L.Count), points * L.Count, target + (j * plane), points * plane);
            target += L.Count;
        }
    }
}

/// <summary>Where a tile lies: image, row and column of tiles.</summary>
internal struct TilePlace
{
    public int Image;
    public int Row;
    public int Column;

    public static TilePlace Of(in WinogradGrid grid, int tile)
    {
        var (line, column) = Math.DivRem(tile, grid.TilesWide);
        var (image, row) = Math.DivRem(line, grid.TilesHigh);
        return new TilePlace { Image = image, Row = row, Column = column };
    }

    /// <summary>To the next tile.</summary>
    public void MoveOn(in WinogradGrid grid)
    {
        if (++Column < grid.TilesWide)
            return;
        Column = 0;
        if (++Row < grid.TilesHigh)
            return;
        Row = 0;
        Image++;
    }
}
