using Nabi.Training.Data.Images;

namespace Nabi.Training.Data;

/// <summary>
/// A folder with one folder of PNG, JPEG or BMP pictures per class, or with <c>train</c> and <c>test</c> (or <c>val</c>) folders of such folders. Pictures of
/// another size than the first are resampled to it; grey and colour mixed become colour.
/// </summary>
internal static class ImageFolderReader
{
    private static readonly string[] Extensions = [".png", ".jpg", ".jpeg", ".bmp"];

    private sealed record Picture(string Path, int Label);

    /// <summary>Reads the folder; null when it holds no pictures.</summary>
    public static DataSplits? ReadFolder(string name, string folder, double testFraction, ulong seed)
    {
        var train = Path.Combine(folder, "train");
        var test = new[] { "test", "val", "valid", "validation" }.Select(n => Path.Combine(folder, n)).FirstOrDefault(Directory.Exists);
        if (Directory.Exists(train) && test is not null)
        {
            var names = ClassNames(train);
            if (names.Length == 0) return null;
            var size = SizeOf(Pictures(train, names));
            return new DataSplits(name, Read(name, Pictures(train, names), names, size), Read(name, Pictures(test, names), names, size), folder);
        }
        var classNames = ClassNames(folder);
        if (classNames.Length == 0) return null;
        var pictures = Pictures(folder, classNames);
        var (second, first) = Read(name, pictures, classNames, SizeOf(pictures)).Split(testFraction, seed);
        return new DataSplits(name, first, second, folder);
    }

    private static string[] ClassNames(string folder) => [.. Directory.EnumerateDirectories(folder)
        .Where(d => Directory.EnumerateFiles(d).Any(IsPicture)).Select(d => Path.GetFileName(d)!).Order(StringComparer.Ordinal)];

    private static bool IsPicture(string path) => Extensions.Contains(Path.GetExtension(path), StringComparer.OrdinalIgnoreCase);

    private static Picture[] Pictures(string folder, string[] classNames) => [.. classNames.SelectMany((c, label) => Directory.Exists(Path.Combine(folder, c))
        ? Directory.EnumerateFiles(Path.Combine(folder, c)).Where(IsPicture).Order(StringComparer.Ordinal).Select(p => new Picture(p, label))
        : [])];

    private static (int Width, int Height, int Channels) SizeOf(Picture[] pictures)
    {
        var first = Load(pictures[0]);
        // One picture per class decides between grey and colour.
        var isColor = pictures.DistinctBy(p => p.Label).Any(p => Load(p).Channels == 3);
        return (first.Width, first.Height, isColor ? 3 : 1);
    }

    private static DataSet Read(string name, Picture[] pictures, string[] classNames, (int Width, int Height, int Channels) size)
    {
        var sample = size.Width * size.Height * size.Channels;
        if ((long)sample * pictures.Length > Array.MaxLength)
            throw new NabiException($"Data set '{name}' has {pictures.Length} pictures of {size.Width} x {size.Height}, which do not fit into memory at once; make them smaller.");
        var samples = new byte[sample * pictures.Length];
        SampleLoop.For(pictures.Length, i =>
        {
            var image = Load(pictures[i]).WithChannels(size.Channels).Resized(size.Width, size.Height);
            PixelOrder.ToChannelsFirst(image.Pixels, size.Channels, size.Width * size.Height).CopyTo(samples.AsSpan(i * sample));
        });
        return DataSet.Of(name, [size.Channels, size.Height, size.Width], samples, Array.ConvertAll(pictures, p => p.Label), classNames);
    }

    private static RasterImage Load(Picture picture) => RasterImage.Decode(DataFile.ReadAll(picture.Path), picture.Path);
}
