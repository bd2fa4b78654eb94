namespace Nabi.Training.Data.Images;

/// <summary>Windows bitmaps without compression: 1, 4 and 8 bits with a palette, 24 and 32 bits. Grey palettes give grey pictures.</summary>
internal static class BmpDecoder
{
    public static RasterImage Decode(byte[] file, string source)
    {
        var cursor = new DataCursor(file, source);
        cursor.Take(10);
        var start = cursor.U32();
        var headerSize = cursor.U32();
        if (headerSize is < 40 or > 124) throw cursor.Fail($"its header of {headerSize} bytes is not a supported BMP version");
        var (width, signedHeight) = (cursor.I32(), cursor.I32());
        cursor.U16();
        var (bits, compression) = (cursor.U16(), cursor.U32());
        if (compression != 0 && !(compression == 3 && bits == 32)) throw cursor.Fail($"BMP compression {compression} is not supported; save it without compression");
        if (bits is not (1 or 4 or 8 or 24 or 32)) throw cursor.Fail($"{bits} bits per pixel are not supported");
        cursor.Take(12);
        var colors = cursor.U32();
        var height = Math.Abs((long)signedHeight);
        RasterImage.CheckSize(cursor, width, height, (long)file.Length * 8);
        var palette = bits <= 8 ? Palette(file, source, 14 + headerSize, colors == 0 ? 1u << bits : colors) : [];
        var stride = (width * bits + 31) / 32 * 4;
        if (start + stride * height > file.Length) throw cursor.Fail($"it ends before its {width} x {height} pixels do");
        var pixels = new byte[width * height * 3];
        for (var y = 0; y < height; y++)
        {
            var row = file.AsSpan((int)start + stride * (int)(signedHeight > 0 ? height - 1 - y : y), stride);
            for (var x = 0; x < width; x++)
            {
                var to = pixels.AsSpan((int)(y * width + x) * 3, 3);
                if (bits <= 8)
                {
                    var index = row[x * bits / 8] >> (8 - bits - x * bits % 8) & ((1 << bits) - 1);
                    if (index * 3 >= palette.Length) throw cursor.Fail($"it uses color {index} of a palette of {palette.Length / 3}");
                    palette.AsSpan(index * 3, 3).CopyTo(to);
                }
                else
                {
                    var from = row.Slice(x * (bits / 8), 3);
                    (to[0], to[1], to[2]) = (from[2], from[1], from[0]);
                }
            }
        }
        var image = new RasterImage(width, (int)height, 3, pixels);
        return palette.Length > 0 && IsGrey(palette) ? image.WithChannels(1) : image;
    }

    private static byte[] Palette(byte[] file, string source, long at, uint count)
    {
        var cursor = new DataCursor(file, source);
        cursor.Take(at);
        if (count > 256) throw cursor.Fail($"it claims a palette of {count} colors");
        var palette = new byte[count * 3];
        for (var i = 0; i < count; i++)
        {
            var entry = cursor.Take(4);
            (palette[i * 3], palette[i * 3 + 1], palette[i * 3 + 2]) = (entry[2], entry[1], entry[0]);
        }
        return palette;
    }

    private static bool IsGrey(byte[] palette)
    {
        for (var i = 0; i < palette.Length; i += 3)
            if (palette[i] != palette[i + 1] || palette[i] != palette[i + 2]) return false;
        return true;
    }
}
