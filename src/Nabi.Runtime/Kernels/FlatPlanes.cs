namespace Nabi.Runtime.Kernels;

/// <summary>
/// Where an image's channels lie one by one with their padding, so that a tap of every window is one stretch of memory: the padded rows and columns are
/// divided by the stride into phases, and within a phase the pixels that a tap sees of all windows lie at one distance from the windows' numbers.
/// </summary>
/// <remarks>
/// Window (oy, ox) has the number oy * <see cref="Width"/> + ox. Numbers with ox at or behind the window's OutWidth are computed but mean nothing: planes of
/// window results hold zeros there and before their start, so that an offset that runs over the end of a row finds zeros.
/// </remarks>
internal readonly unsafe struct FlatPlanes
{
    private readonly WindowShape window;

    public FlatPlanes(in WindowShape window, int lanes)
    {
        this.window = window;
        Width = (window.Width + window.PadLeft + window.PadRight + window.StrideWidth - 1) / window.StrideWidth;
        Height = (window.Height + window.PadTop + window.PadBottom + window.StrideHeight - 1) / window.StrideHeight;
        var reach = Offset(window.KernelHeight - 1, window.KernelWidth - 1);
        Before = Math.Max(0, reach);
        PlaneSize = Before + (Height * Width) + Before + (2 * lanes);
    }

    /// <summary>Columns of a phase.</summary>
    public int Width { get; }

    /// <summary>Rows of a phase.</summary>
    public int Height { get; }

    /// <summary>Zeros before the first element of a plane.</summary>
    public int Before { get; }

    /// <summary>Floats of one channel's phase with the zeros around it.</summary>
    public int PlaneSize { get; }

    /// <summary>Phases of one channel.</summary>
    public int Phases => window.StrideHeight * window.StrideWidth;

    /// <summary>How far the pixel under a tap lies behind the window's number, within its phase.</summary>
    public int Offset(int tapRow, int tapColumn) =>
        (tapRow * window.DilationHeight / window.StrideHeight * Width) + (tapColumn * window.DilationWidth / window.StrideWidth);

    /// <summary>The phase that a tap sees.</summary>
    public int Phase(int tapRow, int tapColumn) =>
        (tapRow * window.DilationHeight % window.StrideHeight * window.StrideWidth) + (tapColumn * window.DilationWidth % window.StrideWidth);

    /// <summary>Spreads channels of an NHWC image over the phases of their planes; the rest becomes zero.</summary>
    /// <param name="source">The image at the first of the channels.</param>
    /// <param name="stride">Channels of the image.</param>
    /// <param name="count">Channels to spread.</param>
    /// <param name="planes">[count][<see cref="Phases"/>][<see cref="PlaneSize"/>].</param>
    public void Spread(float* source, int stride, int count, float* planes)
    {
        new Span<float>(planes, count * Phases * PlaneSize).Clear();
        var perChannel = Phases * PlaneSize;
        for (var y = 0; y < window.Height; y++)
            for (var x = 0; x < window.Width; x++)
            {
                var to = planes + Place(y, x);
                for (var c = 0; c < count; c++) to[c * perChannel] = source[c];
                source += stride;
            }
    }

    /// <summary>The opposite of <see cref="Spread"/>: gathers channels from their planes.</summary>
    public void Collect(float* planes, float* target, int stride, int count)
    {
        var perChannel = Phases * PlaneSize;
        for (var y = 0; y < window.Height; y++)
            for (var x = 0; x < window.Width; x++)
            {
                var from = planes + Place(y, x);
                for (var c = 0; c < count; c++) target[c] = from[c * perChannel];
                target += stride;
            }
    }

    /// <summary>Spreads channels of the windows' results over planes of one phase.</summary>
    public void SpreadWindows(float* source, int stride, int count, float* planes)
    {
        new Span<float>(planes, count * PlaneSize).Clear();
        for (var y = 0; y < window.OutHeight; y++)
            for (var x = 0; x < window.OutWidth; x++)
            {
                var to = planes + Before + (y * Width) + x;
                for (var c = 0; c < count; c++) to[c * PlaneSize] = source[c];
                source += stride;
            }
    }

    /// <summary>Gathers channels of the windows' results from rows of <paramref name="rowSize"/> floats by number.</summary>
    public void CollectWindows(float* rows, int rowSize, float* target, int stride, int count)
    {
        for (var y = 0; y < window.OutHeight; y++)
            for (var x = 0; x < window.OutWidth; x++)
            {
                var from = rows + (y * Width) + x;
                for (var c = 0; c < count; c++) target[c] = from[c * rowSize];
                target += stride;
            }
    }

    // Where pixel (y, x) of the first channel lies.
    private int Place(int y, int x)
    {
        var (row, rowPhase) = Math.DivRem(y + window.PadTop, window.StrideHeight);
        var (column, columnPhase) = Math.DivRem(x + window.PadLeft, window.StrideWidth);
        return (((rowPhase * window.StrideWidth) + columnPhase) * PlaneSize) + Before + (row * Width) + column;
    }
}
