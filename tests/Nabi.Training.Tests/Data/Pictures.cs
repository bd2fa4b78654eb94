using System.Buffers.Binary;
using System.IO.Compression;

namespace Nabi.Training.Tests.Data;

/// <summary>Writes small pictures, bit by bit as the formats' specifications say.</summary>
internal static class Pictures
{
    /// <summary>A PNG of raw rows; every row is filtered with another of the five filters.</summary>
    public static byte[] Png(int width, int height, int depth, int colorType, byte[] rows, byte[]? palette = null)
    {
        int samples = colorType switch { 2 => 3, 4 => 2, 6 => 4, _ => 1 }, stride = (width * samples * depth + 7) / 8, step = Math.Max(1, samples * depth / 8);
        var raw = new MemoryStream();
        for (var y = 0; y < height; y++)
        {
            var filter = y % 5;
            raw.WriteByte((byte)filter);
            for (var i = 0; i < stride; i++)
            {
                int At(int row, int column) => row < 0 || column < 0 ? 0 : rows[row * stride + column];
                int a = At(y, i - step), b = At(y - 1, i), c = i >= step ? At(y - 1, i - step) : 0;
                var p = a + b - c;
                var (pa, pb, pc) = (Math.Abs(p - a), Math.Abs(p - b), Math.Abs(p - c));
                var paeth = pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
                raw.WriteByte((byte)(rows[y * stride + i] - filter switch { 1 => a, 2 => b, 3 => (a + b) / 2, 4 => paeth, _ => 0 }));
            }
        }
        return PngOf(width, height, depth, colorType, 0, raw.ToArray(), palette);
    }

    /// <summary>An 8-bit grey PNG in the seven passes of Adam7.</summary>
    public static byte[] InterlacedPng(int width, int height, byte[] pixels)
    {
        var raw = new MemoryStream();
        foreach (var (x0, y0, dx, dy) in new[] { (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2) })
        {
            if (x0 >= width) continue;
            for (var y = y0; y < height; y += dy)
            {
                raw.WriteByte(0);
                for (var x = x0; x < width; x += dx) raw.WriteByte(pixels[y * width + x]);
            }
        }
        return PngOf(width, height, 8, 0, 1, raw.ToArray(), null);
    }

    /// <summary>A bottom-up bitmap of 24 bits, from red, green, blue pixels.</summary>
    public static byte[] Bmp(int width, int height, byte[] rgb)
    {
        var stride = (width * 3 + 3) / 4 * 4;
        var file = new byte[54 + stride * height];
        "BM"u8.CopyTo(file);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(10), 54);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(14), 40);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(18), width);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(22), height);
        (file[26], file[28]) = (1, 24);
        for (var y = 0; y < height; y++)
            for (var x = 0; x < width; x++)
                for (var c = 0; c < 3; c++) file[54 + (height - 1 - y) * stride + x * 3 + 2 - c] = rgb[(y * width + x) * 3 + c];
        return file;
    }

    /// <summary>
    /// A baseline JPEG of flat blocks, all quantizers 1: each block has a DC coefficient of 8 (value - 128). One component, or three with chroma halved.
    /// DC categories 0 to 11 have 4-bit codes equal to the category; AC knows only the end of block, code 0.
    /// </summary>
    public static byte[] Jpeg(int width, int height, int components, params int[] blockValues)
    {
        var bits = new List<bool>();
        var previous = new int[components];
        for (var i = 0; i < blockValues.Length; i++)
        {
            var component = components == 1 ? 0 : Math.Max(0, i % 6 - 3);
            var difference = 8 * (blockValues[i] - 128) - previous[component];
            previous[component] += difference;
            var size = difference == 0 ? 0 : 32 - System.Numerics.BitOperations.LeadingZeroCount((uint)Math.Abs(difference));
            Append(bits, size, 4);
            Append(bits, difference < 0 ? difference + (1 << size) - 1 : difference, size);
            bits.Add(false);
        }
        while (bits.Count % 8 != 0) bits.Add(true);
        var file = new List<byte> { 0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0 };
        file.AddRange(Enumerable.Repeat((byte)1, 64));
        file.AddRange([0xFF, 0xC0, 0, (byte)(8 + 3 * components), 8, 0, (byte)height, 0, (byte)width, (byte)components]);
        for (var c = 0; c < components; c++) file.AddRange([(byte)(c + 1), (byte)(c == 0 && components == 3 ? 0x22 : 0x11), 0]);
        file.AddRange([0xFF, 0xC4, 0, 31, 0x00, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
        file.AddRange([0xFF, 0xC4, 0, 20, 0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        file.AddRange([0xFF, 0xDA, 0, (byte)(6 + 2 * components), (byte)components]);
        for (var c = 0; c < components; c++) file.AddRange([(byte)(c + 1), 0]);
        file.AddRange([0, 63, 0]);
        for (var i = 0; i < bits.Count; i += 8)
        {
            var value = 0;
            for (var j = 0; j < 8; j++) value = value << 1 | (bits[i + j] ? 1 : 0);
            file.Add((byte)value);
            if (value == 0xFF) file.Add(0);
        }
        file.AddRange([0xFF, 0xD9]);
        return [.. file];
    }

    private static void Append(List<bool> bits, int value, int count)
    {
        for (var i = count - 1; i >= 0; i--) bits.Add((value >> i & 1) != 0);
    }

    private static byte[] PngOf(int width, int height, int depth, int colorType, int interlace, byte[] raw, byte[]? palette)
    {
        var file = new MemoryStream();
        file.Write([0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10]);
        Chunk("IHDR"u8, [0, 0, 0, (byte)width, 0, 0, 0, (byte)height, (byte)depth, (byte)colorType, 0, 0, (byte)interlace]);
        if (palette is not null) Chunk("PLTE"u8, palette);
        var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Fastest, leaveOpen: true)) zlib.Write(raw);
        // Two chunks: the stream may be cut anywhere.
        var data = packed.ToArray();
        Chunk("IDAT"u8, data[..(data.Length / 2)]);
        Chunk("IDAT"u8, data[(data.Length / 2)..]);
        Chunk("IEND"u8, []);
        return file.ToArray();

        void Chunk(ReadOnlySpan<byte> type, byte[] content)
        {
            Span<byte> length = stackalloc byte[4];
            BinaryPrimitives.WriteInt32BigEndian(length, content.Length);
            file.Write(length);
            file.Write(type);
            file.Write(content);
            file.Write([0, 0, 0, 0]);
        }
    }
}
