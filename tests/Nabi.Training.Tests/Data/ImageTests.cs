using Nabi.Training.Data;
using Nabi.Training.Data.Images;

namespace Nabi.Training.Tests.Data;

public class ImageTests
{
    [Theory]
    [InlineData(0, 8, 1)]
    [InlineData(0, 16, 1)]
    [InlineData(2, 8, 3)]
    [InlineData(2, 16, 3)]
    [InlineData(4, 8, 1)]
    [InlineData(6, 8, 3)]
    [InlineData(6, 16, 3)]
    public void Png_of_whole_bytes_keeps_every_color_sample(int colorType, int depth, int channels)
    {
        const int Width = 7, Height = 11;
        var samples = colorType switch { 2 => 3, 4 => 2, 6 => 4, _ => 1 };
        var rows = Noise(Width * Height * samples * depth / 8);
        var image = RasterImage.Decode(Pictures.Png(Width, Height, depth, colorType, rows), "p");
        Assert.Equal((Width, Height, channels), (image.Width, image.Height, image.Channels));
        for (var i = 0; i < Width * Height; i++)
            for (var c = 0; c < channels; c++) Assert.Equal(rows[(i * samples + c) * depth / 8], image.Pixels[i * channels + c]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void Png_of_few_bits_is_unpacked_high_bits_first(int depth)
    {
        const int Width = 9, Height = 6;
        var stride = (Width * depth + 7) / 8;
        var rows = Noise(stride * Height);
        int Sample(int x, int y) => rows[y * stride + x * depth / 8] >> (8 - depth - x * depth % 8) & ((1 << depth) - 1);
        var grey = RasterImage.Decode(Pictures.Png(Width, Height, depth, 0, rows), "p");
        var palette = Noise(3 << depth);
        var colors = RasterImage.Decode(Pictures.Png(Width, Height, depth, 3, rows, palette), "p");
        for (var y = 0; y < Height; y++)
        {
            for (var x = 0; x < Width; x++)
            {
                Assert.Equal(Sample(x, y) * 255 / ((1 << depth) - 1), grey.Pixels[y * Width + x]);
                Assert.Equal(palette.AsSpan(Sample(x, y) * 3, 3).ToArray(), colors.Pixels.AsSpan((y * Width + x) * 3, 3).ToArray());
            }
        }
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(5, 3)]
    [InlineData(17, 10)]
    public void Interlaced_png_is_put_together(int width, int height)
    {
        var pixels = Noise(width * height);
        Assert.Equal(pixels, RasterImage.Decode(Pictures.InterlacedPng(width, height, pixels), "p").Pixels);
    }

    [Fact]
    public void Bmp_is_bottom_up_and_blue_first()
    {
        var rgb = Noise(5 * 3 * 3);
        var image = RasterImage.Decode(Pictures.Bmp(5, 3, rgb), "b");
        Assert.Equal((5, 3, 3), (image.Width, image.Height, image.Channels));
        Assert.Equal(rgb, image.Pixels);
    }

    [Fact]
    public void Flat_jpeg_blocks_have_their_values()
    {
        var grey = RasterImage.Decode(Pictures.Jpeg(16, 8, 1, 200, 31), "j");
        Assert.Equal((16, 8, 1), (grey.Width, grey.Height, grey.Channels));
        Assert.All(Enumerable.Range(0, 128), i => Assert.Equal(i % 16 < 8 ? 200 : 31, grey.Pixels[i]));
        // BT.601: 100 + 1.402 (150 - 128) = 130.8; 100 - 0.344 (90 - 128) - 0.714 (150 - 128) = 97.4; 100 + 1.772 (90 - 128) = 32.7.
        var color = RasterImage.Decode(Pictures.Jpeg(13, 11, 3, 100, 100, 100, 100, 90, 150), "j");
        Assert.Equal((13, 11, 3), (color.Width, color.Height, color.Channels));
        for (var i = 0; i < 143; i++) Assert.Equal([131, 97, 33], color.Pixels.AsSpan(i * 3, 3).ToArray());
    }

    [Fact]
    public void The_integer_inverse_dct_is_within_one_of_the_exact_one()
    {
        var rng = new Rng(3);
        Span<int> block = stackalloc int[64];
        var output = new byte[64];
        for (var trial = 0; trial < 50; trial++)
        {
            var coefficients = new double[64];
            for (var i = 0; i < 64; i++) coefficients[i] = block[i] = (int)(rng.NextGaussian() * 300 / (1 + i));
            JpegTransform.InverseDct(block, output, 8);
            for (var at = 0; at < 64; at++)
            {
                var sum = 0.0;
                for (var k = 0; k < 64; k++)
                {
                    var scale = (k % 8 == 0 ? Math.Sqrt(0.5) : 1) * (k / 8 == 0 ? Math.Sqrt(0.5) : 1) / 4;
                    sum += scale * coefficients[k] * Math.Cos((2 * (at % 8) + 1) * (k % 8) * Math.PI / 16) * Math.Cos((2 * (at / 8) + 1) * (k / 8) * Math.PI / 16);
                }
                Assert.InRange(output[at], Math.Clamp(sum + 128, 0, 255) - 1, Math.Clamp(sum + 128, 0, 255) + 1);
            }
        }
    }

    [Fact]
    public void A_folder_of_pictures_by_class_becomes_a_data_set()
    {
        using var folder = new TemporaryFolder();
        for (var i = 0; i < 10; i++)
        {
            folder.Write($"set/cat/{i}.png", Pictures.Png(8, 8, 8, 2, Noise(192)));
            folder.Write($"set/dog/{i}.bmp", Pictures.Bmp(8, 8, Noise(192)));
        }
        folder.Write("set/dog/other.jpg", Pictures.Jpeg(16, 16, 1, 90, 90, 90, 90));
        folder.Write("set/dog/notes.txt", "not a picture"u8);
        var data = DataSets.Find(Path.Combine(folder.Path, "set"));
        Assert.Equal(21, data.Train.Count + data.Test.Count);
        Assert.Equal(["cat", "dog"], data.Train.ClassNames);
        Assert.Equal([3, 8, 8], data.Train.SampleShape);
    }

    [Fact]
    public void Resizing_keeps_a_flat_picture_and_averages_when_it_shrinks()
    {
        var flat = new RasterImage(9, 7, 1, Enumerable.Repeat((byte)77, 63).ToArray());
        Assert.All(flat.Resized(4, 13).Pixels, p => Assert.Equal(77, p));
        var board = new RasterImage(64, 64, 1, [.. Enumerable.Range(0, 4096).Select(i => (byte)((i + i / 64) % 2 * 200))]);
        Assert.All(board.Resized(8, 8).Pixels, p => Assert.InRange(p, 95, 105));
    }

    private static byte[] Noise(int count)
    {
        var rng = new Rng((ulong)count);
        return [.. Enumerable.Range(0, count).Select(_ => (byte)rng.Next(256))];
    }
}
