namespace Nabi.Training.Data;

/// <summary>
/// CIFAR-10 (Krizhevsky 2009) in its binary form: records of a label byte and 1024 red, green and blue bytes; and the container
/// CJP1, which holds each image as the scan of a JPEG file with a common head.
/// </summary>
internal static class CifarReader
{
    private const int Pixels = 3 * 32 * 32;

    public static readonly IReadOnlyList<string> ClassNames =
        ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

    private static readonly Shape Sample = [3, 32, 32];

    /// <summary>Reads data_batch_1..5.bin and test_batch.bin of a folder (plain or .gz); null when they are not there.</summary>
    public static DataSplits? ReadFolder(string name, string folder)
    {
        var batches = Enumerable.Range(1, 5).Select(i => DataFile.Existing(Path.Combine(folder, $"data_batch_{i}.bin"))).OfType<string>().ToArray();
        if (batches.Length == 0 || DataFile.Existing(Path.Combine(folder, "test_batch.bin")) is not { } test) return null;
        return new DataSplits(name, Read(name, batches), Read(name, test), folder);
    }

    /// <summary>Reads one or more .bin files as one data set.</summary>
    public static DataSet Read(string name, params ReadOnlySpan<string> paths)
    {
        var files = new List<byte[]>();
        long records = 0;
        foreach (var path in paths)
        {
            var bytes = DataFile.ReadAll(path);
            if (bytes.Length == 0 || bytes.Length % (Pixels + 1) != 0)
                throw new NabiException($"File '{path}' has {bytes.Length} bytes, which are not whole CIFAR records of {Pixels + 1} bytes.");
            files.Add(bytes);
            records += bytes.Length / (Pixels + 1);
        }
        if (records * Pixels > Array.MaxLength) throw new NabiException($"Data set '{name}' has {records} records, more than fit into memory at once.");
        var (samples, labels) = (new byte[records * Pixels], new int[records]);
        var at = 0;
        foreach (var bytes in files)
        {
            for (var from = 0; from < bytes.Length; from += Pixels + 1, at++)
            {
                labels[at] = bytes[from];
                bytes.AsSpan(from + 1, Pixels).CopyTo(samples.AsSpan(at * Pixels));
            }
        }
        return DataSet.Of(name, Sample, samples, labels, ClassNames);
    }

    /// <summary>
    /// Reads the container: "CJP1", u32 training images, u32 test images, u32 (height and width in 16 bits each), u32 length of the head, the head,
    /// then per image u8 label, u16 length, scan; little-endian. The JPEG file of an image is head, scan, FF D9.
    /// </summary>
    /// <param name="name">Name of the data set.</param>
    /// <param name="path">The file.</param>
    /// <param name="mostTrain">Training images decoded, from the first on.</param>
    /// <param name="mostTest">Test images decoded, from the first on.</param>
    public static DataSplits ReadContainer(string name, string path, int mostTrain = int.MaxValue, int mostTest = int.MaxValue)
    {
        var bytes = DataFile.ReadAll(path);
        var cursor = new DataCursor(bytes, path);
        if (!cursor.Take(4).SequenceEqual("CJP1"u8)) throw cursor.Fail("it does not begin with CJP1");
        var (train, test, size) = (cursor.U32(), cursor.U32(), cursor.U32());
        if (size != (32u << 16 | 32u)) throw cursor.Fail("its images are not 32 x 32");
        var head = cursor.Take(cursor.U32()).ToArray();
        // A record has at least 4 bytes, so that the claimed counts cannot pass the file's length.
        if (train == 0 || test == 0 || ((long)train + test) * 4 > cursor.Left) throw cursor.Fail($"it claims {train} + {test} images");
        var count = (int)(train + test);
        var (labels, starts, lengths) = (new int[count], new int[count], new int[count]);
        for (var i = 0; i < count; i++)
        {
            labels[i] = cursor.U8();
            lengths[i] = cursor.U16();
            starts[i] = cursor.Position;
            cursor.Take(lengths[i]);
        }
        var decoder = Images.JpegDecoder.WithHead(head, path);
        return new DataSplits(name, Decode(0, Math.Min((int)train, mostTrain)), Decode((int)train, Math.Min((int)test, mostTest)), path);

        DataSet Decode(int first, int images)
        {
            var samples = new byte[images * Pixels];
            SampleLoop.For(images, i =>
            {
                var image = decoder.DecodeScan(bytes.AsMemory(starts[first + i], lengths[first + i]));
                if (image is not { Width: 32, Height: 32, Channels: 3 }) throw new NabiException($"File '{path}' is damaged: image {i} is not 32 x 32 in color.");
                PixelOrder.ToChannelsFirst(image.Pixels, 3, 1024).CopyTo(samples.AsSpan(i * Pixels, Pixels));
            });
            return DataSet.Of(name, Sample, samples, labels.AsSpan(first, images).ToArray(), ClassNames);
        }
    }
}
