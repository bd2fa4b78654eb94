namespace Nabi.Training.Data;

/// <summary>
/// IDX files, as MNIST and Fashion-MNIST are published: two zero bytes, element type 8 (u8), number of dimensions, big-endian
/// dimensions, elements. Images are [N, H, W] or [N, H, W, C]; labels are [N].
/// </summary>
internal static class IdxReader
{
    /// <summary>Reads the four standard files of a folder (train-images..., t10k-images..., plain or .gz); null when they are not there.</summary>
    public static DataSplits? ReadFolder(string name, string folder, IReadOnlyList<string>? classNames)
    {
        string? Find(string part) => DataFile.Existing(Path.Combine(folder, part)) ?? DataFile.Existing(Path.Combine(folder, part.Replace("-idx", ".idx", StringComparison.Ordinal)));
        if (Find("train-images-idx3-ubyte") is not { } images || Find("train-labels-idx1-ubyte") is not { } labels) return null;
        if (Find("t10k-images-idx3-ubyte") is not { } testImages || Find("t10k-labels-idx1-ubyte") is not { } testLabels) return null;
        var train = ReadPair(name, images, labels, classNames);
        return new DataSplits(name, train, ReadPair(name, testImages, testLabels, classNames ?? train.ClassNames), folder);
    }

    /// <summary>Reads an image file and its label file.</summary>
    public static DataSet ReadPair(string name, string imageFile, string labelFile, IReadOnlyList<string>? classNames)
    {
        var (dims, pixels) = Parse(DataFile.ReadAll(imageFile), imageFile);
        var (labelDims, labelBytes) = Parse(DataFile.ReadAll(labelFile), labelFile);
        if (dims.Length is not (3 or 4)) throw new NabiException($"File '{imageFile}' holds {dims.Length} dimensions; images have 3 (N, height, width) or 4 (and channels).");
        if (labelDims.Length != 1 || labelDims[0] != dims[0])
            throw new NabiException($"File '{labelFile}' holds labels [{string.Join(", ", labelDims)}] for the {dims[0]} images of '{imageFile}'; they do not belong together.");
        var channels = dims.Length == 4 ? dims[3] : 1;
        var shape = Shape.Create([channels, dims[1], dims[2]]);
        if (channels > 1) pixels = PixelOrder.ToChannelsFirst(pixels, channels, dims[1] * dims[2]);
        var labels = Array.ConvertAll(labelBytes, b => (int)b);
        return DataSet.Of(name, shape, pixels, labels, classNames ?? ClassNumbers.For(labels));
    }

    internal static (int[] Dims, byte[] Elements) Parse(byte[] bytes, string path)
    {
        var cursor = new DataCursor(bytes, path);
        if (cursor.U16Big() != 0) throw cursor.Fail("it does not begin with two zero bytes as IDX files do");
        var (type, rank) = (cursor.U8(), cursor.U8());
        if (type != 8) throw cursor.Fail($"it has IDX element type 0x{type:x2}; only 0x08 (unsigned bytes) is supported");
        if (rank is < 1 or > 4) throw cursor.Fail($"it claims {rank} dimensions; 1 to 4 are supported");
        var dims = new int[rank];
        long count = 1;
        for (var i = 0; i < rank; i++)
        {
            var dim = cursor.U32Big();
            if (dim is 0 or > int.MaxValue || (count *= dim) > int.MaxValue) throw cursor.Fail($"dimension {i} is {dim}, which is not possible");
            dims[i] = (int)dim;
        }
        if (count != cursor.Left) throw cursor.Fail($"its dimensions [{string.Join(", ", dims)}] need {count} bytes, but {cursor.Left} follow");
        return (dims, cursor.Take(count).ToArray());
    }
}
