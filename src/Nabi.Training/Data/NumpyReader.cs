using System.Globalization;
using System.IO.Compression;
using System.Text;

namespace Nabi.Training.Data;

/// <summary>
/// NumPy arrays (NEP 1: .npy versions 1 to 3) and archives of them (.npz). Samples are [N, F], [N, H, W], [N, H, W, C] or [N, C, H, W], labels are
/// integers [N] or one-hot rows [N, classes].
/// </summary>
internal static class NumpyReader
{
    private static readonly string[] TrainSamples = ["x_train", "train_images", "X_train", "train_x"];
    private static readonly string[] TrainLabels = ["y_train", "train_labels", "Y_train", "train_y"];
    private static readonly string[] TestSamples = ["x_test", "test_images", "X_test", "test_x"];
    private static readonly string[] TestLabels = ["y_test", "test_labels", "Y_test", "test_y"];
    private static readonly string[] AllSamples = ["x", "X", "images", "data", "arr_0"];
    private static readonly string[] AllLabels = ["y", "Y", "labels", "targets", "arr_1"];

    /// <summary>A tensor and where it was read.</summary>
    public sealed record Source(string Path, Tensor Data);

    /// <summary>Reads an .npz archive with training and test arrays, or with one set that is split.</summary>
    public static DataSplits ReadArchive(string name, string path, double testFraction, ulong seed)
    {
        var file = DataFile.ReadAll(path);
        try
        {
            using var zip = new ZipArchive(new MemoryStream(file, writable: false));
            var entries = new Dictionary<string, ZipArchiveEntry>(StringComparer.Ordinal);
            foreach (var entry in zip.Entries) entries[Path.GetFileNameWithoutExtension(entry.Name)] = entry;
            return Compose(name, path, testFraction, seed, entries.Keys, key =>
            {
                var limit = Math.Min(DataFile.MaxBytes, Math.Max(entries[key].CompressedLength, 1) * DataFile.MaxExpansion);
                using var stream = entries[key].Open();
                return new Source($"{path}:{key}", Parse(DataFile.ReadBounded(stream, limit, path), path));
            });
        }
        catch (InvalidDataException e)
        {
            throw new NabiException($"File '{path}' is damaged: {e.Message}", e);
        }
    }

    /// <summary>Reads a folder of .npy files named like the arrays of an archive; null when there are none.</summary>
    public static DataSplits? ReadFolder(string name, string folder, double testFraction, ulong seed)
    {
        var files = Directory.EnumerateFiles(folder, "*.npy").ToDictionary(f => Path.GetFileNameWithoutExtension(f), StringComparer.Ordinal);
        if (files.Count == 0) return null;
        return Compose(name, folder, testFraction, seed, files.Keys, key => new Source(files[key], Parse(DataFile.ReadAll(files[key]), files[key])));
    }

    private static DataSplits Compose(string name, string location, double testFraction, ulong seed, ICollection<string> keys, Func<string, Source> read)
    {
        Source? First(string[] names) => Array.Find(names, keys.Contains) is { } key ? read(key) : null;
        if (First(TrainSamples) is { } x && First(TrainLabels) is { } y && First(TestSamples) is { } testX && First(TestLabels) is { } testY)
        {
            var (trainLabels, testLabels) = (Labels(y), Labels(testY));
            var classes = ClassNumbers.For([.. trainLabels, .. testLabels]);
            return new DataSplits(name, Samples(name, x, trainLabels, classes), Samples(name, testX, testLabels, classes), location);
        }
        if (First(AllSamples) is { } all && First(AllLabels) is { } allLabels)
        {
            var labels = Labels(allLabels);
            var (test, train) = Samples(name, all, labels, ClassNumbers.For(labels)).Split(testFraction, seed);
            return new DataSplits(name, train, test, location);
        }
        throw new NabiException($"'{location}' holds the arrays {string.Join(", ", keys.Take(20))}; a data set needs x_train, y_train, x_test, y_test, or x and y.");
    }

    private static DataSet Samples(string name, Source source, int[] labels, IReadOnlyList<string> classes)
    {
        var dims = source.Data.Shape.Dims.ToArray();
        if (dims.Length is < 2 or > 4) throw new NabiException($"Array '{source.Path}' has shape {source.Data.Shape}; samples are [N, F], [N, H, W], [N, H, W, C] or [N, C, H, W].");
        // Few channels at the end means channels last; otherwise channels come first.
        var isLast = dims.Length == 4 && dims[3] is 1 or 3 or 4 && dims[1] is not (1 or 3);
        Shape shape = dims.Length switch
        {
            2 => [dims[1]],
            3 => [1, dims[1], dims[2]],
            _ => isLast ? [dims[3], dims[1], dims[2]] : [dims[1], dims[2], dims[3]],
        };
        var plane = isLast ? dims[1] * dims[2] : 0;
        if (source.Data.DType == DType.UInt8)
        {
            var bytes = source.Data.Bytes.ToArray();
            return DataSet.Of(name, shape, isLast ? PixelOrder.ToChannelsFirst(bytes, dims[3], plane) : bytes, labels, classes);
        }
        var floats = source.Data.ToSingle();
        if (Array.Exists(floats, f => !float.IsFinite(f))) throw new NabiException($"Array '{source.Path}' holds values that are not finite; remove or replace them.");
        return DataSet.Of(name, shape, isLast ? PixelOrder.ToChannelsFirst(floats, dims[3], plane) : floats, labels, classes);
    }

    private static int[] Labels(Source source)
    {
        var shape = source.Data.Shape;
        if (shape.Rank is not (1 or 2)) throw new NabiException($"Array '{source.Path}' has shape {shape}; labels are [N] or one-hot [N, classes].");
        if (shape.Rank == 1 || shape[1] == 1)
            return Array.ConvertAll(source.Data.ToInt64(), v => v is >= 0 and <= 65535 ? (int)v : throw new NabiException($"Array '{source.Path}' holds a class label {v}; labels are 0 to 65535."));
        var (rows, labels) = (source.Data.ToSingle(), new int[shape[0]]);
        for (var i = 0; i < labels.Length; i++)
        {
            var row = rows.AsSpan(i * shape[1], shape[1]);
            labels[i] = row.IndexOf(System.Numerics.Tensors.TensorPrimitives.Max((ReadOnlySpan<float>)row));
            if (labels[i] < 0) throw new NabiException($"Array '{source.Path}' has a row {i} that is not one-hot.");
        }
        return labels;
    }

    internal static Tensor Parse(byte[] bytes, string path)
    {
        var cursor = new DataCursor(bytes, path);
        if (!cursor.Take(6).SequenceEqual((ReadOnlySpan<byte>)[0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y']))
            throw cursor.Fail("it does not begin as a NumPy array");
        var major = cursor.U8();
        cursor.U8();
        var header = Encoding.UTF8.GetString(cursor.Take(major == 1 ? cursor.U16() : cursor.U32()));
        var (dtype, isBig) = Element(Between(header, "'descr':", cursor).Trim(' ', '\''), cursor);
        var isFortran = Between(header, "'fortran_order':", cursor).Trim() == "True";
        var dims = new List<int>();
        long count = 1;
        foreach (var part in Between(header, "'shape':", cursor).Trim(' ', '(', ')').Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (!int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var dim) || (count *= dim) > int.MaxValue || dims.Count == 8)
                throw cursor.Fail($"its shape has a dimension '{part}'");
            dims.Add(dim);
        }
        if (dtype.Bytes(count) != cursor.Left) throw cursor.Fail($"its shape [{string.Join(", ", dims)}] of {dtype} needs {dtype.Bytes(count)} bytes, but {cursor.Left} follow");
        if (isFortran && dims.Count > 1) throw new NabiException($"File '{path}' is in Fortran order; save it with numpy.ascontiguousarray.");
        var elements = cursor.Take(cursor.Left).ToArray();
        if (isBig)
        {
            var size = dtype.Bits() / 8;
            for (var i = 0; i < elements.Length; i += size) elements.AsSpan(i, size).Reverse();
        }
        return Tensor.Over(dtype, dims.Count == 0 ? Shape.Scalar : Shape.Create(dims.ToArray()), elements);
    }

    private static (DType, bool IsBig) Element(string descr, DataCursor cursor) => descr.Length < 2
        ? throw cursor.Fail($"its element type '{descr}' is not known")
        : (descr[1..] switch
        {
            "f2" => DType.Float16,
            "f4" => DType.Float32,
            "f8" => DType.Float64,
            "i1" => DType.Int8,
            "i2" => DType.Int16,
            "i4" => DType.Int32,
            "i8" => DType.Int64,
            "u1" => DType.UInt8,
            "u2" => DType.UInt16,
            "u4" => DType.UInt32,
            "u8" => DType.UInt64,
            "b1" => DType.Bool,
            _ => throw cursor.Fail($"its element type '{descr}' is not supported; use numbers"),
        }, descr[0] == '>');

    // The text after a key up to the comma that ends its value; a shape's commas are inside its parentheses.
    private static string Between(string header, string key, DataCursor cursor)
    {
        var start = header.IndexOf(key, StringComparison.Ordinal);
        if (start < 0) throw cursor.Fail($"its header has no {key.Trim(':')}");
        start += key.Length;
        var open = header.AsSpan(start).TrimStart().StartsWith("(");
        var end = header.IndexOf(open ? ')' : ',', start);
        return end < 0 ? throw cursor.Fail("its header does not end") : header[start..end];
    }
}
