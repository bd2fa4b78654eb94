namespace Nabi.Runtime.Kernels;

/// <summary>The images of a Winograd convolution cut into tiles, and where their transforms lie in scratch memory.</summary>
internal readonly struct WinogradGrid
{
    /// <summary>Bytes of transformed tiles that stay in the second-level cache beside the filters that pass through it.</summary>
    private const long BlockBytes = 640 * 1024;

    /// <summary>Cuts the images written into tiles of <paramref name="outputs"/> x <paramref name="outputs"/> pixels.</summary>
    public WinogradGrid(in ConvShape shape, bool transposed, int outputs)
    {
        var w = shape.Window;
        Batch = w.Batch;
        (ReadHeight, ReadWidth, ReadChannels) = transposed ? (w.OutHeight, w.OutWidth, shape.OutChannels) : (w.Height, w.Width, shape.InChannels);
        (WriteHeight, WriteWidth, WriteChannels) = transposed ? (w.Height, w.Width, shape.InChannels) : (w.OutHeight, w.OutWidth, shape.OutChannels);
        (PadTop, PadLeft) = transposed ? (2 - w.PadTop, 2 - w.PadLeft) : (w.PadTop, w.PadLeft);
        Outputs = outputs;
        TilesWide = (WriteWidth + outputs - 1) / outputs;
        TilesHigh = (WriteHeight + outputs - 1) / outputs;
        Tiles = checked(Batch * TilesHigh * TilesWide);
        var bytes = (long)Products * (ReadChannels + PanelColumns) * sizeof(float) * TileRows;
        var most = (int)Math.Clamp(BlockBytes / bytes, 1, Math.Max(1, Groups));
        var blocks = (Groups + most - 1) / most;
        BlockRows = (Groups + Math.Max(1, blocks) - 1) / Math.Max(1, blocks) * TileRows;
    }

    /// <summary>Images.</summary>
    public int Batch { get; }

    public int ReadHeight { get; }

    public int ReadWidth { get; }

    public int ReadChannels { get; }

    public int WriteHeight { get; }

    public int WriteWidth { get; }

    public int WriteChannels { get; }

    /// <summary>Rows above the image that the first tile sees; may be negative.</summary>
    public int PadTop { get; }

    /// <summary>Columns left of the image that the first tile sees; may be negative.</summary>
    public int PadLeft { get; }

    /// <summary>Rows and columns of pixels a tile writes.</summary>
    public int Outputs { get; }

    public int TilesHigh { get; }

    public int TilesWide { get; }

    /// <summary>Tiles of all images: rows of each matrix product.</summary>
    public int Tiles { get; }

    /// <summary>Tiles of one block, a multiple of <see cref="TileRows"/>.</summary>
    public int BlockRows { get; }

    /// <summary>Matrix products.</summary>
    public int Products => (Outputs + 2) * (Outputs + 2);

    /// <summary>Tiles a micro-kernel takes together.</summary>
    public static int TileRows => Simd.Lanes >= 16 ? 8 : 4;

    /// <summary>Groups of <see cref="TileRows"/> tiles.</summary>
    public int Groups => (Tiles + TileRows - 1) / TileRows;

    /// <summary>Panels of output channels.</summary>
    public int Panels => (WriteChannels + PanelColumns - 1) / PanelColumns;

    public static int PanelColumns => TileLoop.PanelColumns;

    /// <summary>Floats from one transformed tile to the next.</summary>
    public int InputStride => (ReadChannels + Simd.Lanes - 1) / Simd.Lanes * Simd.Lanes;

    /// <summary>Floats from one product's transformed tiles to the next's. One line more than they need: planes a power of two apart would share cache sets.</summary>
    public long InputPlane => ((long)BlockRows * InputStride) + 16;

    /// <summary>Floats from one product's results to the next's.</summary>
    public long OutputPlane => ((long)BlockRows * PanelColumns) + 16;

    /// <summary>Floats of scratch memory for one worker.</summary>
    public long WorkerScratch => Products * (InputPlane + OutputPlane);

    /// <summary>Floats of the packed filters of one panel.</summary>
    public long PanelSize => (long)Products * ReadChannels * PanelColumns;

    /// <summary>
    /// Whether workers share the tiles (else the output channels, each transforming all tiles): whichever leaves the busiest less to do. Reading the
    /// filters of a panel takes about as long as multiplying one group of tiles with them, transforming a group about a sixth of that.
    /// </summary>
    public bool SplitsTiles(int workers)
    {
        var (groups, panels) = ((Groups + workers - 1L) / workers, (Panels + workers - 1L) / workers);
        var byTiles = (6 * Panels * (groups + 1)) + groups;
        var byPanels = (6 * panels * (Groups + 1)) + Groups;
        return byTiles <= byPanels;
    }
}
