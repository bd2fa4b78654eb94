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
        for (var y = 0; y < window.Height; y++)
            for (var phase = 0; phase < window.StrideWidth; phase++)
            {
                var (first, columns, place) = Columns(y, phase);
                for (var c = 0; c < count; c++)
                    Gather(source + ((((long)y * window.Width) + first) * stride) + c, (long)stride * window.StrideWidth, columns, planes + ((long)c * Phases * PlaneSize) + place);
            }
    }

    /// <summary>The opposite of <see cref="Spread"/>: gathers channels from their planes.</summary>
    public void Collect(float* planes, float* target, int stride, int count)
    {
        for (var y = 0; y < window.Height; y++)
            for (var phase = 0; phase < window.StrideWidth; phase++)
            {
                var (first, columns, place) = Columns(y, phase);
                for (var c = 0; c < count; c++)
                    Scatter(planes + ((long)c * Phases * PlaneSize) + place, columns, target + ((((long)y * window.Width) + first) * stride) + c, (long)stride * window.StrideWidth);
            }
    }

    /// <summary>Spreads channels of the windows' results over planes of one phase.</summary>
    public void SpreadWindows(float* source, int stride, int count, float* planes)
    {
        new Span<float>(planes, count * PlaneSize).Clear();
        for (var y = 0; y < window.OutHeight; y++)
            for (var c = 0; c < count; c++)
                Gather(source + ((long)y * window.OutWidth * stride) + c, stride, window.OutWidth, planes + ((long)c * PlaneSize) + Before + (y * Width));
    }

    /// <summary>Gathers channels of the windows' results from rows of <paramref name="rowSize"/> floats by number.</summary>
    public void CollectWindows(float* rows, int rowSize, float* target, int stride, int count)
    {
        for (var y = 0; y < window.OutHeight; y++)
            for (var c = 0; c < count; c++)
                Scatter(rows + ((long)c * rowSize) + (y * Width), window.OutWidth, target + ((long)y * window.OutWidth * stride) + c, stride);
    }

    // The columns of a row that belong to a phase: the first, how many, and where that one lies in the planes of a channel.
    private (int First, int Count, int Place) Columns(int y, int phase)
    {
        var (row, rowPhase) = Math.DivRem(y + window.PadTop, window.StrideHeight);
        var first = (phase - (window.PadLeft % window.StrideWidth) + window.StrideWidth) % window.StrideWidth;
        var count = (window.Width - first + window.StrideWidth - 1) / window.StrideWidth;
        return (first, count, (((rowPhase * window.StrideWidth) + phase) * PlaneSize) + Before + (row * Width) + ((first + window.PadLeft) / window.StrideWidth));
    }

    private static void Gather(float* source, long step, int count, float* target)
    {
        for (var i = 0; i < count; i++, source += step) target[i] = *source;
    }

    private static void Scatter(float* source, int count, float* target, long step)
    {
        for (var i = 0; i < count; i++, target += step) *target = source[i];
    }
}
