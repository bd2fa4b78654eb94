using System.Runtime.Intrinsics;

namespace Nabi.Runtime.Kernels;

/// <summary>Output pixels of one phase as rows of a matrix product: every row is the pixels under the taps, one pointer each.</summary>
internal unsafe struct ImageRows : IRowSource
{
    /// <summary>First element of the first image (of the group's first channel).</summary>
    public float* Source;

    /// <summary>Four-byte elements from one pixel to the next.</summary>
    public long PixelStride;

    /// <summary>Elements used of each pixel.</summary>
    public int Channels;

    /// <summary>Zeros, <see cref="Channels"/> elements, or KernelWidth times as many when <see cref="MergesColumns"/>.</summary>
    public float* Zero;

    public int Batch;
    public int InHeight;
    public int InWidth;
    public int OutHeight;
    public int OutWidth;

    public int* RowOffsets;
    public int RowTaps;
    public int RowCount;
    public int RowFirst;
    public int RowStep;

    public int* ColumnOffsets;
    public int ColumnTaps;
    public int ColumnCount;
    public int ColumnFirst;
    public int ColumnStep;

    /// <summary>Columns [InteriorStart, InteriorEnd) see no padding to the left or right.</summary>
    public int InteriorStart;
    public int InteriorEnd;

    /// <summary>Whether the taps of one kernel row lie a fixed step apart, so that away from the borders one pointer serves them all.</summary>
    public bool MergesColumns;

    /// <summary>Whether the reduction may be divided into blocks.</summary>
    public bool Blocks;

    public readonly int Rows => Batch * RowCount * ColumnCount;

    public readonly int Depth => RowTaps * ColumnTaps * Channels;

    public readonly int MaxTaps => Math.Max(1, RowTaps * ColumnTaps);

    /// <summary>One image and phase of a convolution; <paramref name="vertical"/> and <paramref name="horizontal"/> must stay alive.</summary>
    public static ImageRows Of(in WindowShape window, bool transposed, AxisPhase vertical, AxisPhase horizontal)
    {
        return new ImageRows
        {
            Batch = window.Batch,
            InHeight = transposed ? window.OutHeight : window.Height,
            InWidth = transposed ? window.OutWidth : window.Width,
            OutHeight = transposed ? window.Height : window.OutHeight,
            OutWidth = transposed ? window.Width : window.OutWidth,
            RowOffsets = Pinned(vertical.Offsets),
            RowTaps = vertical.Taps.Length,
            RowCount = vertical.Count,
            RowFirst = vertical.First,
            RowStep = vertical.Step,
            ColumnOffsets = Pinned(horizontal.Offsets),
            ColumnTaps = horizontal.Taps.Length,
            ColumnCount = horizontal.Count,
            ColumnFirst = horizontal.First,
            ColumnStep = horizontal.Step,
            InteriorStart = horizontal.Interior.Start,
            InteriorEnd = horizontal.Interior.End,
            Blocks = true,
        };
    }

    public readonly int BlockEnd(int start)
    {
        if (!Blocks || Depth <= TileLoop.DepthBlock)
            return Depth;
        if (Channels >= TileLoop.DepthBlock)
        {
            // Within one tap.
            var tapEnd = ((start / Channels) + 1) * Channels;
            return Math.Min(tapEnd, start + TileLoop.DepthBlock);
        }
        var unit = MergesColumns ? ColumnTaps * Channels : Channels;
        return Math.Min(Depth, start + Math.Max(unit, TileLoop.DepthBlock / unit * unit));
    }

    public readonly void Inputs(
        int row, int count, int tileRows, int start, int end, float** inputs, long* numbers, out int taps, out int tapDepth)
    {
        var cursor = At(row);
        if (MergesColumns && start % (ColumnTaps * Channels) == 0 && end % (ColumnTaps * Channels) == 0 && IsInterior(cursor.Column, count))
        {
            Merged(cursor, count, tileRows, start, end, inputs, out taps, out tapDepth);
            var first = Number(cursor);
            for (var i = 0; i < count; i++)
                numbers[i] = first + (i * (long)ColumnStep);
            return;
        }
        var firstTap = Channels == 0 ? 0 : start / Channels;
        taps = Depth == 0 ? 0 : ((end - 1) / Channels) - firstTap + 1;
        var offset = start - (firstTap * Channels);
        tapDepth = taps == 1 ? end - start : Channels;
        for (var i = 0; i < tileRows; i++)
        {
            if (taps > 0)
                Taps(cursor, firstTap, taps, offset, tileRows, inputs + i);
            if (i < count)
                numbers[i] = Number(cursor);
            if (i < count - 1)
                Advance(ref cursor);
        }
    }

    public readonly int Strip(int row, int tileRows, int most, int start, int end, out nint step)
    {
        step = 0;
        var cursor = At(row);
        var tiles = Math.Min(most, (InteriorEnd - cursor.Column) / tileRows);
        if (tiles < 2 || cursor.Column < InteriorStart)
            return 1;
        var rowOffsets = RowOffsets + ((long)cursor.Row * RowTaps);
        for (var y = 0; y < RowTaps; y++)
        {
            if (rowOffsets[y] < 0)   // zeros do not move along with the pixels
                return 1;
        }
        var columnOffsets = ColumnOffsets + ((long)cursor.Column * ColumnTaps);
        step = (nint)((columnOffsets[ColumnTaps * tileRows] - columnOffsets[0]) * PixelStride);
        return tiles;
    }

    private readonly long Number(Cursor cursor) =>
        ((((long)cursor.Image * OutHeight) + RowFirst + (cursor.Row * RowStep)) * OutWidth) + ColumnFirst + (cursor.Column * ColumnStep);

    /// <summary>The pointers of one pixel, <paramref name="tileRows"/> apart.</summary>
    private readonly void Taps(Cursor cursor, int firstTap, int taps, int offset, int tileRows, float** target)
    {
        var image = Source + ((long)cursor.Image * InHeight * InWidth * PixelStride) + offset;
        var rowOffsets = RowOffsets + ((long)cursor.Row * RowTaps);
        var columnOffsets = ColumnOffsets + ((long)cursor.Column * ColumnTaps);
        var (y, x) = firstTap == 0 ? (0, 0) : Math.DivRem(firstTap, ColumnTaps);
        while (taps > 0)
        {
            var inRow = rowOffsets[y++];
            var line = image + ((long)inRow * InWidth * PixelStride);
            var stop = Math.Min(ColumnTaps, x + taps);
            taps -= stop - x;
            for (; x < stop; x++)
            {
                var inColumn = columnOffsets[x];
                *target = (inRow | inColumn) < 0 ? Zero : line + (inColumn * PixelStride);
                target += tileRows;
            }
            x = 0;
        }
    }

    /// <summary>Copies <paramref name="run"/> channels under one tap for output pixels [start, start + length), one pixel per <paramref name="stride"/> floats.</summary>
    public readonly void Channel(int tap, int channel, int run, int start, int length, float* target, int stride)
    {
        var (y, x) = Math.DivRem(tap, ColumnTaps);
        var cursor = At(start);
        while (length > 0)
        {
            var inRow = RowOffsets[((long)cursor.Row * RowTaps) + y];
            var line = Source + ((((long)cursor.Image * InHeight) + inRow) * InWidth * PixelStride) + channel;
            var stop = Math.Min(ColumnCount, cursor.Column + length);
            length -= stop - cursor.Column;
            // Along a line: padding, then pixels a fixed step apart, then padding.
            var offsets = ColumnOffsets + x;
            var (column, end) = (cursor.Column, stop);
            while (column < stop && (inRow < 0 || offsets[(long)column * ColumnTaps] < 0))
                column++;
            while (end > column && offsets[((long)end - 1) * ColumnTaps] < 0)
                end--;
            Pixels(null, 0, column - cursor.Column, run, ref target, stride);
            if (column < end)
            {
                var first = offsets[(long)column * ColumnTaps];
                var step = end - column > 1 ? offsets[((long)column + 1) * ColumnTaps] - first : 0;
                Pixels(line + (first * PixelStride), step * PixelStride, end - column, run, ref target, stride);
            }
            Pixels(null, 0, stop - Math.Max(column, end), run, ref target, stride);
            cursor.Column = ColumnCount - 1;
            Advance(ref cursor);
        }
    }

    /// <summary>Copies channels of <paramref name="count"/> pixels, or writes zeros for no source.</summary>
    private static void Pixels(float* source, long step, int count, int run, ref float* target, int stride)
    {
        var to = target;
        target += (long)count * stride;
        if (source is null)
        {
            for (; count > 0; count--, to += stride)
                new Span<float>(to, run).Clear();
        }
        else if (run == 8)
        {
            for (; count > 0; count--, to += stride, source += step)
                Vector256.Store(Vector256.Load(source), to);
        }
        else
        {
            for (; count > 0; count--, to += stride, source += step)
            {
                for (var i = 0; i < run; i++)
                    to[i] = source[i];
            }
        }
    }

    private readonly bool IsInterior(int column, int count) => column >= InteriorStart && column + count <= InteriorEnd;

    /// <summary>One pointer per kernel row; all pixels lie in one image row away from the left and right border.</summary>
    private readonly void Merged(Cursor cursor, int count, int tileRows, int start, int end, float** inputs, out int taps, out int tapDepth)
    {
        tapDepth = ColumnTaps * Channels;
        var firstTap = start / tapDepth;
        taps = (end / tapDepth) - firstTap;
        var image = Source + ((long)cursor.Image * InHeight * InWidth * PixelStride);
        var rowOffsets = RowOffsets + ((long)cursor.Row * RowTaps) + firstTap;
        var columnOffsets = ColumnOffsets + ((long)cursor.Column * ColumnTaps);
        var left = columnOffsets[0] * PixelStride;
        var step = count > 1 ? (columnOffsets[ColumnTaps] - columnOffsets[0]) * PixelStride : 0;
        for (var t = 0; t < taps; t++)
        {
            var inRow = rowOffsets[t];
            var line = inRow < 0 ? Zero : image + ((long)inRow * InWidth * PixelStride) + left;
            var lineStep = inRow < 0 ? 0 : step;
            for (var i = 0; i < tileRows; i++)
            {
                *inputs++ = line;
                if (i < count - 1)
                    line += lineStep;
            }
        }
    }

    private static int* Pinned(int[] array) => (int*)System.Runtime.CompilerServices.Unsafe.AsPointer(
        ref System.Runtime.InteropServices.MemoryMarshal.GetArrayDataReference(array));

    private readonly Cursor At(int row)
    {
        var (line, column) = Math.DivRem(row, ColumnCount);
        var (image, imageRow) = Math.DivRem(line, RowCount);
        return new Cursor { Image = image, Row = imageRow, Column = column };
    }

    private readonly void Advance(ref Cursor cursor)
    {
        if (++cursor.Column < ColumnCount)
            return;
        cursor.Column = 0;
        if (++cursor.Row < RowCount)
            return;
        cursor.Row = 0;
        cursor.Image++;
    }

    /// <summary>A position in (image, row, column) order.</summary>
    private struct Cursor
    {
        public int Image;
        public int Row;
        public int Column;
    }
}
