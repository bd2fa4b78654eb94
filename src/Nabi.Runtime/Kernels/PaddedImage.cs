namespace Nabi.Runtime.Kernels;

/// <summary>A copy of the images of a convolution in which every window lies inside: padding is there as zeros, and what no window sees is left out.</summary>
internal readonly struct PaddedImage
{
    private PaddedImage(in WindowShape window, PaddedAxis rows, PaddedAxis columns)
    {
        Batch = window.Batch;
        InHeight = window.Height;
        InWidth = window.Width;
        Rows = rows;
        Columns = columns;
    }

    public int Batch { get; }

    public PaddedAxis Rows { get; }

    public PaddedAxis Columns { get; }

    /// <summary>Pixels of all copies.</summary>
    public long Pixels => Batch * Rows.Count * Columns.Count;

    private int InHeight { get; }

    private int InWidth { get; }

    /// <summary>The copy a convolution needs.</summary>
    public static PaddedImage Of(in WindowShape window) => new(
        window,
        PaddedAxis.Of(window.OutHeight, window.Height, window.KernelHeight, window.StrideHeight, window.DilationHeight, window.PadTop),
        PaddedAxis.Of(window.OutWidth, window.Width, window.KernelWidth, window.StrideWidth, window.DilationWidth, window.PadLeft));

    /// <summary>The images themselves, for convolutions that see no padding.</summary>
    public static PaddedImage AsIs(in WindowShape window) =>
        new(window, PaddedAxis.AsIs(window.Height, window.StrideHeight), PaddedAxis.AsIs(window.Width, window.StrideWidth));

    /// <summary>Whether some of it is padding.</summary>
    public bool SeesPadding => Rows.First > 0 || Rows.End < Rows.Count || Columns.First > 0 || Columns.End < Columns.Count;

    /// <summary>Whether the copy's size is of the order of what the convolution reads and writes anyway.</summary>
    public bool IsModest(in WindowShape window) =>
        Pixels <= 65_536 + (16L * window.Batch * (((long)window.Height * window.Width) + ((long)window.OutHeight * window.OutWidth)));

    /// <summary>Makes one worker's share of the copy.</summary>
    public void Fill<TCopy>(in TCopy copy, int worker, int workers)
        where TCopy : unmanaged, IPixelCopy
    {
        var (first, last) = Share(Batch * Rows.Count, worker, workers);
        var c = Columns;
        for (var line = first; line < last; line++)
        {
            var (image, row) = Math.DivRem(line, Rows.Count);
            var target = line * c.Count;
            if (row < Rows.First || row >= Rows.End)
            {
                copy.Zero(target, c.Count);
                continue;
            }
            var source = (((image * InHeight) + Rows.Source(row)) * InWidth) + c.Source(c.First);
            copy.Zero(target, c.First);
            if (c.Step == 1)
            {
                copy.Copy(source, target + c.First, c.End - c.First);
            }
            else
            {
                for (var column = c.First; column < c.End; column++, source += c.Step)
                    copy.Copy(source, target + column, 1);
            }
            copy.Zero(target + c.End, c.Count - c.End);
        }
    }

    private static (long First, long Last) Share(long total, int worker, int workers) => (total * worker / workers, total * (worker + 1) / workers);
}

/// <summary>Writes pixels of a <see cref="PaddedImage"/>, in whatever form the kernel reads.</summary>
internal interface IPixelCopy
{
    /// <summary>Zeros from pixel <paramref name="target"/> of the copy on.</summary>
    void Zero(long target, long count);

    /// <summary>Copies <paramref name="count"/> neighbours from pixel <paramref name="source"/> of the images to pixel <paramref name="target"/> of the copy.</summary>
    void Copy(long source, long target, long count);
}

/// <summary>One axis of a <see cref="PaddedImage"/>.</summary>
/// <param name="Count">Positions of the copy.</param>
/// <param name="Step">Positions of the image from one position of the copy to the next: with a window of one pixel the strides leave the others out.</param>
/// <param name="Pad">Padding before the image, in its positions.</param>
/// <param name="Stride">Positions of the copy from one window to the next.</param>
/// <param name="First">Positions before this one are padding.</param>
/// <param name="End">Positions from this one on are padding.</param>
internal readonly record struct PaddedAxis(long Count, long Step, long Pad, long Stride, long First, long End)
{
    public static PaddedAxis Of(int windows, int size, int kernel, int stride, int dilation, int pad)
    {
        if (windows == 0)
            return new PaddedAxis(0, 1, pad, stride, 0, 0);
        var step = kernel == 1 ? stride : 1;
        var count = kernel == 1 ? windows : ((windows - 1L) * stride) + ((kernel - 1L) * dilation) + 1;
        var first = Math.Min(count, ((long)pad + step - 1) / step);
        var end = Math.Clamp(((long)size + pad + step - 1) / step, first, count);
        return new PaddedAxis(count, step, pad, kernel == 1 ? 1 : stride, first, end);
    }

    public static PaddedAxis AsIs(int size, int stride) => new(size, 1, 0, stride, 0, size);

    /// <summary>The image's position that stands at <paramref name="position"/>.</summary>
    public long Source(long position) => (position * Step) - Pad;
}
