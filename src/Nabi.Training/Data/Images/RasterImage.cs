namespace Nabi.Training.Data.Images;

/// <summary>A decoded picture: bytes, rows from the top, channels last (1: grey, 3: red, green, blue).</summary>
internal sealed record RasterImage(int Width, int Height, int Channels, byte[] Pixels)
{
    /// <summary>Decodes PNG, JPEG or BMP, told apart by their first bytes.</summary>
    /// <exception cref="NabiException">It is none of them, or damaged; the message names <paramref name="source"/>.</exception>
    public static RasterImage Decode(byte[] file, string source)
    {
        if (file is [0x89, (byte)'P', (byte)'N', (byte)'G', ..]) return PngDecoder.Decode(file, source);
        if (file is [0xFF, 0xD8, ..]) return JpegDecoder.Decode(file, source);
        if (file is [(byte)'B', (byte)'M', ..]) return BmpDecoder.Decode(file, source);
        throw new NabiException($"File '{source}' is not a PNG, JPEG or BMP picture.");
    }

    /// <summary>Grey to colour by repetition, colour to grey by BT.601 luma.</summary>
    public RasterImage WithChannels(int channels)
    {
        if (channels == Channels) return this;
        var pixels = new byte[Width * Height * channels];
        for (var i = 0; i < Width * Height; i++)
        {
            if (channels == 3) pixels.AsSpan(i * 3, 3).Fill(Pixels[i]);
            else pixels[i] = (byte)((19595 * Pixels[i * 3] + 38470 * Pixels[i * 3 + 1] + 7471 * Pixels[i * 3 + 2] + 32768) >> 16);
        }
        return new RasterImage(Width, Height, channels, pixels);
    }

    /// <summary>Another size: every target pixel is the mean of the area it covers (shrinking) or bilinear (growing), per axis.</summary>
    public RasterImage Resized(int width, int height)
    {
        if (width == Width && height == Height) return this;
        var (columns, rows) = (Resampling.Weights(Width, width), Resampling.Weights(Height, height));
        var middle = new float[Height * width * Channels];
        for (var y = 0; y < Height; y++)
            for (var x = 0; x < width; x++)
                foreach (var (from, weight) in columns[x])
                    for (var c = 0; c < Channels; c++) middle[(y * width + x) * Channels + c] += weight * Pixels[(y * Width + from) * Channels + c];
        var pixels = new byte[width * height * Channels];
        var stride = width * Channels;
        for (var y = 0; y < height; y++)
        {
            for (var i = 0; i < stride; i++)
            {
                var sum = 0f;
                foreach (var (from, weight) in rows[y]) sum += weight * middle[from * stride + i];
                pixels[y * stride + i] = (byte)Math.Clamp(MathF.Round(sum), 0, 255);
            }
        }
        return new RasterImage(width, height, Channels, pixels);
    }

    /// <summary>Checks a claimed size before memory is taken for it.</summary>
    /// <param name="cursor">Where the claim was read.</param>
    /// <param name="width">Claimed pixels.</param>
    /// <param name="height">Claimed pixels.</param>
    /// <param name="most">The most pixels that a file of this length can hold.</param>
    internal static void CheckSize(DataCursor cursor, long width, long height, long most)
    {
        if (width is < 1 or > 32768 || height is < 1 or > 32768 || width * height > Math.Min(most, 64_000_000))
            throw cursor.Fail($"it claims {width} x {height} pixels, more than a file of {cursor.Length} bytes can hold or than is supported");
    }
}
