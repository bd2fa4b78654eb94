using System.IO.Compression;

namespace Nabi.Training.Data.Images;

/// <summary>
/// PNG (W3C, third edition): every color type and depth, interlaced or not. 16-bit samples keep their high byte; transparency is
/// dropped; checksums are not verified.
/// </summary>
internal static class PngDecoder
{
    // Adam7: start and step of each pass (PNG 8.2).
    private static readonly (int X, int Y, int StepX, int StepY)[] Adam7 =
        [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];

    private sealed record Header(int Width, int Height, int Depth, int ColorType, bool Interlaced)
    {
        public int Samples => ColorType switch { 2 => 3, 4 => 2, 6 => 4, _ => 1 };

        public int BitsPerPixel => Samples * Depth;

        public long RowBytes(int width) => ((long)width * BitsPerPixel + 7) / 8;
    }

    public static RasterImage Decode(byte[] file, string source)
    {
        var cursor = new DataCursor(file, source);
        cursor.Take(8);
        Header? header = null;
        byte[] palette = [];
        using var packed = new MemoryStream();
        while (true)
        {
            var length = cursor.U32Big();
            var type = cursor.Take(4);
            var data = cursor.Take(length);
            cursor.Take(4);
            if (header is null) header = type.SequenceEqual("IHDR"u8) ? ReadHeader(data, cursor, source) : throw cursor.Fail("it does not begin with its header");
            else if (type.SequenceEqual("PLTE"u8)) palette = data.ToArray();
            else if (type.SequenceEqual("IDAT"u8)) packed.Write(data);
            else if (type.SequenceEqual("IEND"u8)) break;
        }
        if (header.ColorType == 3 && (palette.Length == 0 || palette.Length % 3 != 0)) throw cursor.Fail("its palette is missing");
        packed.Position = 0;
        var raw = Unpack(packed, header, cursor);
        var color = header.ColorType is 2 or 3 or 6;
        var image = new RasterImage(header.Width, header.Height, color ? 3 : 1, new byte[header.Width * header.Height * (color ? 3 : 1)]);
        var passes = header.Interlaced ? Adam7 : [(0, 0, 1, 1)];
        var at = 0;
        foreach (var pass in passes) at = ReadPass(raw, at, header, palette, pass, image, cursor);
        return image;
    }

    private static Header ReadHeader(ReadOnlySpan<byte> data, DataCursor cursor, string source)
    {
        var head = new DataCursor(data, source);
        var (width, height) = (head.U32Big(), head.U32Big());
        var (depth, color, compression, filter, interlace) = (head.U8(), head.U8(), head.U8(), head.U8(), head.U8());
        var allowed = color switch
        {
            0 => depth is 1 or 2 or 4 or 8 or 16,
            3 => depth is 1 or 2 or 4 or 8,
            2 or 4 or 6 => depth is 8 or 16,
            _ => false,
        };
        if (!allowed || compression != 0 || filter != 0 || interlace > 1)
            throw cursor.Fail($"color type {color} with {depth} bits, compression {compression}, filter {filter}, interlace {interlace} is not PNG");
        RasterImage.CheckSize(cursor, width, height, (long)cursor.Length * DataFile.MaxExpansion * 8);
        return new Header((int)width, (int)height, depth, color, interlace == 1);
    }

    private static byte[] Unpack(MemoryStream packed, Header header, DataCursor cursor)
    {
        long need = 0;
        foreach (var (x, y, stepX, stepY) in header.Interlaced ? Adam7 : [(0, 0, 1, 1)])
        {
            var (width, height) = ((header.Width - x + stepX - 1) / stepX, (header.Height - y + stepY - 1) / stepY);
            if (width > 0 && height > 0) need += (header.RowBytes(width) + 1) * height;
        }
        if (need > packed.Length * DataFile.MaxExpansion || need > Array.MaxLength) throw cursor.Fail($"its {packed.Length} packed bytes cannot hold {header.Width} x {header.Height} pixels");
        var raw = new byte[need];
        try
        {
            using var zlib = new ZLibStream(packed, CompressionMode.Decompress);
            zlib.ReadExactly(raw);
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
        {
            throw cursor.Fail("its pixels cannot be unpacked");
        }
        return raw;
    }

    private static int ReadPass(byte[] raw, int at, Header header, byte[] palette, (int X, int Y, int StepX, int StepY) pass, RasterImage image, DataCursor cursor)
    {
        var (width, height) = ((header.Width - pass.X + pass.StepX - 1) / pass.StepX, (header.Height - pass.Y + pass.StepY - 1) / pass.StepY);
        if (width <= 0 || height <= 0) return at;
        var rowBytes = (int)header.RowBytes(width);
        ReadOnlySpan<byte> above = new byte[rowBytes];
        for (var y = 0; y < height; y++)
        {
            var row = raw.AsSpan(at + 1, rowBytes);
            if (!Unfilter(raw[at], row, above, Math.Max(1, header.BitsPerPixel / 8))) throw cursor.Fail($"filter type {raw[at]} is not PNG");
            for (var x = 0; x < width; x++)
            {
                var pixel = (pass.Y + y * pass.StepY) * header.Width + pass.X + x * pass.StepX;
                WritePixel(row, x, header, palette, image.Pixels.AsSpan(pixel * image.Channels, image.Channels), cursor);
            }
            above = row;
            at += rowBytes + 1;
        }
        return at;
    }

    private static void WritePixel(ReadOnlySpan<byte> row, int x, Header header, byte[] palette, Span<byte> to, DataCursor cursor)
    {
        if (header.ColorType is 0 or 3)
        {
            var value = header.Depth switch
            {
                16 => row[x * 2],
                8 => row[x],
                var depth => row[x * depth / 8] >> (8 - depth - x * depth % 8) & ((1 << depth) - 1),
            };
            if (header.ColorType == 0)
            {
                to[0] = (byte)(header.Depth < 8 ? value * 255 / ((1 << header.Depth) - 1) : value);
                return;
            }
            if (value * 3 >= palette.Length) throw cursor.Fail($"it uses color {value} of a palette of {palette.Length / 3}");
            palette.AsSpan(value * 3, 3).CopyTo(to);
            return;
        }
        var bytes = header.Depth / 8;
        for (var c = 0; c < to.Length; c++) to[c] = row[(x * header.Samples + c) * bytes];
    }

    // PNG 9.2: each filter predicts a byte from the one to the left (a), above (b) and above left (c).
    private static bool Unfilter(int type, Span<byte> row, ReadOnlySpan<byte> above, int step)
    {
        if (type > 4) return false;
        for (var i = 0; i < row.Length; i++)
        {
            int a = i >= step ? row[i - step] : 0, b = above[i], c = i >= step ? above[i - step] : 0;
            row[i] += (byte)(type switch
            {
                1 => a,
                2 => b,
                3 => (a + b) / 2,
                4 => Paeth(a, b, c),
                _ => 0,
            });
        }
        return true;
    }

    private static int Paeth(int a, int b, int c)
    {
        var p = a + b - c;
        var (pa, pb, pc) = (Math.Abs(p - a), Math.Abs(p - b), Math.Abs(p - c));
        return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
    }
}
