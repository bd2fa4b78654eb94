namespace Nabi.Runtime.Kernels;

/// <summary>A strip of tiles, the panels it meets and what is done to the result.</summary>
internal unsafe struct TileBlock
{
    /// <summary>Rows of the result of one tile.</summary>
    public int Count;

    /// <summary>Rows the micro-kernel computes: 1, 4 or 8.</summary>
    public int Rows;

    /// <summary>Tiles of the strip.</summary>
    public int Tiles;

    /// <summary>Numbers of the rows of all tiles of the strip, those of the first tile given.</summary>
    public long* Numbers;

    /// <summary>The first panel.</summary>
    public int Panel;

    /// <summary>The panel after the last.</summary>
    public int PanelEnd;

    /// <summary>Columns of the whole result.</summary>
    public int Columns;

    /// <summary>Whether this is the first block of the reduction.</summary>
    public bool IsFirst;

    /// <summary>Whether this is the last block of the reduction.</summary>
    public bool IsLast;

    /// <summary>Whether the result's old content is added.</summary>
    public bool Load;

    /// <summary>What the kernel adds to the first block of the reduction, or null.</summary>
    public float* Residual;

    /// <summary>Floats from one row of the residual to the next.</summary>
    public long ResidualStride;

    /// <summary>Room for the rows of the longest strip and one more, a panel wide.</summary>
    public float* Aside;

    /// <summary>Whether the kernel adds something.</summary>
    public readonly bool Adds => Load || (IsFirst && Residual is not null);

    /// <summary>Numbers the rows of the later tiles.</summary>
    public readonly void NumberTheRest()
    {
        if (Tiles == 1)
            return;
        var step = (Numbers[1] - Numbers[0]) * Count;
        for (var i = Count; i < Count * Tiles; i++)
            Numbers[i] = Numbers[i - Count] + step;
    }
}
