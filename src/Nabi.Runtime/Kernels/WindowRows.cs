using System.Runtime.Intrinsics;

namespace Nabi.Runtime.Kernels;

/// <summary>Output pixels as rows of a matrix product when every window lies inside its image: pointers follow by addition, without a look at the borders.</summary>
/// <remarks>Strides are in bytes, so that windows of 16-bit numbers may start between four-byte elements.</remarks>
internal unsafe struct WindowRows : IRowSource
{
    /// <summary>First element of the first window.</summary>
    public byte* Source;

    /// <summary>Images.</summary>
    public int Batch;

    /// <summary>Windows down an image.</summary>
    public int Height;

    /// <summary>Windows along a line.</summary>
    public int Width;

    /// <summary>From one image to the next.</summary>
    public long ImageStride;

    /// <summary>From one line of windows to the next.</summary>
    public long LineStride;

    /// <summary>From one window of a line to the next.</summary>
    public long WindowStride;

    /// <summary>Rows of a window.</summary>
    public int TapRows;

    /// <summary>Separate stretches in a row of a window: 1 if its pixels are neighbours.</summary>
    public int TapColumns;

    /// <summary>From one row of a window to the next.</summary>
    public long TapRowStride;

    /// <summary>From one stretch of a row to the next.</summary>
    public long TapColumnStride;

    /// <summary>Four-byte elements of a stretch.</summary>
    public int TapDepth;

    public readonly int Rows => Batch * Height * Width;

    public readonly int Depth => MaxTaps * TapDepth;

    public readonly int MaxTaps => TapRows * TapColumns;

    public readonly int BlockEnd(int start) => Depth;

    public readonly void Inputs(int row, int count, int tileRows, int start, int end, float** inputs, long* numbers, out int taps, out int tapDepth)
    {
        taps = MaxTaps;
        tapDepth = TapDepth;
        var (line, column) = Math.DivRem((uint)row, (uint)Width);
        var (image, y) = Math.DivRem(line, (uint)Height);
        var window = Source + (image * ImageStride) + (y * LineStride) + (column * WindowStride);
        if (Vector512.IsHardwareAccelerated && count == 8 && column + 8 <= Width)
            Vector512.Store(Vector512.Create((long)window) + (Vector512<long>.Indices * WindowStride), (long*)inputs);
        else
            FirstTaps(window, (int)column, (int)y, count, tileRows, inputs);
        if (Vector512.IsHardwareAccelerated && tileRows == 8)
        {
            Vector512.Store(Vector512.Create((long)row) + Vector512<long>.Indices, numbers);
            OtherTaps(Vector512.Load((long*)inputs), (long*)inputs);
            return;
        }
        for (var i = 0; i < count; i++)
            numbers[i] = row + i;
        var tap = inputs;
        for (var ty = 0; ty < TapRows; ty++)
        {
            for (var tx = ty == 0 ? 1 : 0; tx < TapColumns; tx++)
            {
                tap += tileRows;
                for (var i = 0; i < tileRows; i++)
                    tap[i] = (float*)((byte*)inputs[i] + (ty * TapRowStride) + (tx * TapColumnStride));
            }
        }
    }

    public readonly int Strip(int row, int tileRows, int most, int start, int end, out nint step)
    {
        step = (nint)(tileRows * WindowStride / sizeof(float));
        return Math.Min(most, (Width - (row % Width)) / tileRows);
    }

    // Windows of a tile may go on in the next line or image.
    private readonly void FirstTaps(byte* window, int column, int y, int count, int tileRows, float** inputs)
    {
        for (var i = 0; i < tileRows; i++)
        {
            inputs[i] = (float*)window;
            if (i >= count - 1)
                continue;
            window += WindowStride;
            if (++column < Width)
                continue;
            column = 0;
            window += LineStride - (Width * WindowStride);
            if (++y < Height)
                continue;
            y = 0;
            window += ImageStride - (Height * LineStride);
        }
    }

    private readonly void OtherTaps(Vector512<long> first, long* tap)
    {
        for (var ty = 0; ty < TapRows; ty++)
        {
            for (var tx = ty == 0 ? 1 : 0; tx < TapColumns; tx++)
            {
                tap += 8;
                Vector512.Store(first + Vector512.Create((ty * TapRowStride) + (tx * TapColumnStride)), tap);
            }
        }
    }

    /// <summary>Windows over images that may be read where they are or over their padded copy.</summary>
    /// <param name="window">Geometry.</param>
    /// <param name="image">The axes of the image that is read.</param>
    /// <param name="pixelBytes">From one pixel to the next.</param>
    /// <param name="mergesColumns">Whether the pixels of a window's row are one stretch.</param>
    /// <param name="tapDepth">Four-byte elements of a stretch.</param>
    /// <param name="lineGap">Bytes between the last pixel of a line and the first of the next.</param>
    public static WindowRows Of(in WindowShape window, in PaddedImage image, long pixelBytes, bool mergesColumns, int tapDepth, long lineGap = 0)
    {
        var lineBytes = (image.Columns.Count * pixelBytes) + lineGap;
        return new WindowRows
        {
            Batch = window.Batch,
            Height = window.OutHeight,
            Width = window.OutWidth,
            ImageStride = image.Rows.Count * lineBytes,
            LineStride = image.Rows.Stride * lineBytes,
            WindowStride = image.Columns.Stride * pixelBytes,
            TapRows = window.KernelHeight,
            TapColumns = mergesColumns ? 1 : window.KernelWidth,
            TapRowStride = window.DilationHeight * lineBytes,
            TapColumnStride = window.DilationWidth * pixelBytes,
            TapDepth = tapDepth,
        };
    }
}
