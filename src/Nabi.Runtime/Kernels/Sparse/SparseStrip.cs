namespace Nabi.Runtime.Kernels;

/// <summary>
/// How the rows of an image that a window sees lie channel by channel, so that for every tap and channel the pixels of neighbouring windows are neighbours.
/// </summary>
/// <remarks>
/// <para>The windows of an image are numbered along rows of <see cref="Pitch"/> places, the last of which may have no window; a tile is a register of
/// neighbouring places. What a tap sees of a tile is one register too, at a distance from the tile that depends on tap and channel alone
/// (<see cref="OffsetOf"/>), so that the distance can stand in an instruction. With strides, each remainder of rows and columns has its own planes.</para>
/// <para>Without strides the padding to the right of a row is the padding to the left of the next.</para>
/// </remarks>
internal sealed class SparseStrip
{
    /// <summary>Bytes of a strip that stay in the second-level cache together with the sums.</summary>
    private const int StripBytes = 256 * 1024;

    /// <summary>Most tiles of a strip: their sums are to stay there too.</summary>
    private const int MostTiles = 64;

    private readonly int planeStride;
    private readonly int phaseStride;

    /// <summary>Lays out a convolution.</summary>
    /// <param name="shape">Its geometry, of one group.</param>
    public SparseStrip(in ConvShape shape)
    {
        Shape = shape;
        var w = shape.Window;
        var lanes = Simd.Lanes;
        PadRight = Math.Max(0, ((w.OutWidth - 1) * w.StrideWidth) + ((w.KernelWidth - 1) * w.DilationWidth) + 1 - w.PadLeft - w.Width);
        Pitch = Math.Max(w.OutWidth, w.StrideWidth == 1 ? w.PadLeft + w.Width + Math.Max(0, PadRight - w.PadLeft) : (w.PadLeft + w.Width + PadRight + w.StrideWidth - 1) / w.StrideWidth);
        Span = (w.KernelHeight - 1) * w.DilationHeight / w.StrideHeight;
        Places = ((w.OutHeight - 1) * Pitch) + w.OutWidth;
        var all = (Places + lanes - 1) / lanes;
        var planes = (shape.InChannels + lanes - 1) / lanes * lanes * w.StrideHeight * w.StrideWidth;
        var rows = StripBytes / sizeof(float) / planes / Pitch;
        Tiles = Math.Min(Math.Max(1, all), Math.Clamp((rows - Span) * Pitch / lanes, SparseTiles.Registers, MostTiles));
        Rows = ((Tiles * lanes) + Pitch - 2) / Pitch + 1 + Span;
        // What a register writes or reads beyond the last row; an odd number of cache lines, so that channels do not meet in the same ones.
        var size = (Rows * Pitch) + (2 * lanes) + ((w.KernelWidth - 1) * w.DilationWidth / w.StrideWidth) + PadRight;
        planeStride = (((size + 15) / 16) | 1) * 16;
        phaseStride = planeStride * ((shape.InChannels + lanes - 1) / lanes * lanes);
    }

    /// <summary>The convolution.</summary>
    public ConvShape Shape { get; }

    /// <summary>Floats from one row of a plane to the next.</summary>
    public int Pitch { get; }

    /// <summary>Rows of a plane below the one of a window that its taps see.</summary>
    public int Span { get; }

    /// <summary>Columns that are read to the right of an image.</summary>
    public int PadRight { get; }

    /// <summary>Places of an image.</summary>
    public int Places { get; }

    /// <summary>Most tiles of a strip.</summary>
    public int Tiles { get; }

    /// <summary>Most rows of a plane in a strip.</summary>
    public int Rows { get; }

    /// <summary>Floats from one channel's plane to the next.</summary>
    public int PlaneStride => planeStride;

    /// <summary>Floats of a strip.</summary>
    public long Size => (long)phaseStride * Shape.Window.StrideHeight * Shape.Window.StrideWidth;

    /// <summary>Floats from the start of a strip to the planes of the padded rows and columns with these remainders.</summary>
    public int PhaseAt(int row, int column) => ((row * Shape.Window.StrideWidth) + column) * phaseStride;

    /// <summary>Bytes from a tile to what a number of the filters is multiplied with.</summary>
    /// <param name="number">Its place in a filter [InChannels, KernelHeight, KernelWidth].</param>
    public int OffsetOf(int number)
    {
        var w = Shape.Window;
        var (row, column) = (number / w.KernelWidth % w.KernelHeight * w.DilationHeight, number % w.KernelWidth * w.DilationWidth);
        var plane = PhaseAt(row % w.StrideHeight, column % w.StrideWidth) + (number / (w.KernelHeight * w.KernelWidth) * planeStride);
        return checked((plane + (row / w.StrideHeight * Pitch) + (column / w.StrideWidth)) * sizeof(float));
    }
}
