namespace Nabi.Runtime.Kernels;

/// <summary>The windows of NHWC images, whose rows are turned into the planes of a <see cref="SparseStrip"/>.</summary>
internal readonly unsafe struct TurnedImages : ISparseSource
{
    private readonly float* images;
    private readonly long pixelStride;
    private readonly WindowShape window;
    private readonly int channels;
    private readonly int pitch;
    private readonly int places;
    private readonly int span;
    private readonly int padRight;
    private readonly int planeStride;
    private readonly int phaseStride;

    public TurnedImages(SparseStrip strip, float* images, long pixelStride)
    {
        this.images = images;
        (this.pixelStride, window, channels) = (pixelStride, strip.Shape.Window, strip.Shape.InChannels);
        (pitch, places, span, padRight, planeStride) = (strip.Pitch, strip.Places, strip.Span, strip.PadRight, strip.PlaneStride);
        phaseStride = strip.PhaseAt(0, 1);
    }

    public int Registers(int lanes) => window.Batch * OfImage(lanes);

    public int Together(int first, int most, int lanes) => Math.Min(most, OfImage(lanes) - (first % OfImage(lanes)));

    public int TileAt(int first, int index, int lanes) => (first % OfImage(lanes) * lanes % pitch) + (index * lanes);

    public void Turn<L, V>(int first, int count, float* tiles, float* block)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var (image, from) = (first / OfImage(L.Count), first % OfImage(L.Count) * L.Count);
        var (top, bottom) = (from / pitch, (Math.Min(places, from + (count * L.Count)) - 1) / pitch + span);
        for (var phase = 0; phase < window.StrideHeight * window.StrideWidth; phase++)
        {
            var (remainder, column) = (phase / window.StrideWidth, phase % window.StrideWidth);
            for (var row = top; row <= bottom; row++)
            {
                var y = (row * window.StrideHeight) + remainder - window.PadTop;
                var target = tiles + ((long)phase * phaseStride) + ((row - top) * pitch);
                if (y < 0 || y >= window.Height)
                    Clear(target, pitch + padRight);
                else
                    TurnRow<L, V>(images + ((((long)image * window.Height) + y) * window.Width * pixelStride), column, target, block);
            }
        }
    }

    public void Store<L, V>(in SparseRows sink, float* sums, int register, int column, int left)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var (image, from) = (register / OfImage(L.Count), register % OfImage(L.Count) * L.Count);
        for (var i = 0; i < L.Count && from + i < places;)
        {
            var (y, x) = ((from + i) / pitch, (from + i) % pitch);
            var count = Math.Min(L.Count - i, window.OutWidth - x);
            if (count > 0)
                sink.Store<L, V>(sums + (i * L.Count), ((((long)image * window.OutHeight) + y) * window.OutWidth) + x, count, column, left);
            i += count > 0 ? count : pitch - x;
        }
    }

    private int OfImage(int lanes) => (places + lanes - 1) / lanes;

    // The columns of a row of the image with one remainder, between their padding; what a register writes beyond them is written again afterwards.
    private void TurnRow<L, V>(float* row, int remainder, float* target, float* block)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var stride = window.StrideWidth;
        var first = Math.Max(0, (window.PadLeft - remainder + stride - 1) / stride);
        var last = Math.Max(first, (window.PadLeft + window.Width - remainder + stride - 1) / stride);
        var pixels = new TurnedRows(row + (((first * stride) + remainder - window.PadLeft) * pixelStride), stride * pixelStride, last - first, channels);
        for (var x = 0; x < last - first; x += L.Count)
            pixels.Turn<L, V>(x, target + first + x, planeStride, block);
        Clear(target, first);
        Clear(target + last, Math.Max(0, stride == 1 ? padRight : pitch - last));
    }

    private void Clear(float* target, int count)
    {
        for (var channel = 0; count > 0 && channel < channels; channel++, target += planeStride)
            new Span<float>(target, count).Clear();
    }
}
