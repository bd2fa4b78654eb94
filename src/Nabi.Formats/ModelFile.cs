namespace Nabi.Formats;

/// <summary>Model files of any kind Nabi knows: by their first bytes when reading, by extension when writing.</summary>
public static class ModelFile
{
    /// <summary>Reads an .onnx, .nabi or .tflite file.</summary>
    /// <exception cref="NabiException">The file is missing, damaged, or of a kind Nabi does not read.</exception>
    public static Graph Read(string path)
    {
        if (Directory.Exists(path)) throw new NabiException($"'{path}' is a folder; give an .onnx, .nabi or .tflite file.");
        if (!File.Exists(path)) throw new NabiException($"The model file '{path}' does not exist; check the path.");
        Span<byte> start = stackalloc byte[8];
        start = start[..Start(path, start)];
        if (start.StartsWith(NabiFile.Magic)) return NabiFile.Read(path);
        if (start.Length == 8 && start[4..].SequenceEqual("TFL3"u8)) return TfLiteFile.Read(path);
        return Extension(path) switch
        {
            ".onnx" => OnnxFile.Read(path),
            ".nabi" => NabiFile.Read(path),
            ".tflite" => TfLiteFile.Read(path),
            _ => throw new NabiException($"{Path.GetFileName(path)}: it is not a model file Nabi knows; give an .onnx, .nabi or .tflite file."),
        };
    }

    /// <summary>Writes an .onnx or .nabi file with the format's default options.</summary>
    /// <exception cref="NabiException">The extension is not one of those, or the file cannot be written.</exception>
    public static void Write(Graph graph, string path)
    {
        switch (Extension(path))
        {
            case ".onnx": OnnxFile.Write(graph, path); break;
            case ".nabi": NabiFile.Write(graph, path); break;
            default: throw NotWritten(path);
        }
    }

    /// <summary>Fails now rather than after long work when <see cref="Write"/> could not write there.</summary>
    /// <exception cref="NabiException">The extension is not one of those, the path is a folder, or its folder cannot be written to.</exception>
    public static void EnsureWritable(string path)
    {
        if (Extension(path) is not (".onnx" or ".nabi")) throw NotWritten(path);
        AtomicFile.EnsureWritable(path);
    }

    /// <summary>Reads a whole file.</summary>
    /// <exception cref="NabiException">It is missing, too large or not readable.</exception>
    internal static byte[] ReadBytes(string path)
    {
        try
        {
            var length = new FileInfo(path).Length;
            return length <= Array.MaxLength
                ? File.ReadAllBytes(path)
                : throw new NabiException($"'{path}' has {length} bytes; files above 2 GB are not supported, keep the weights in external data.");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new NabiException($"'{path}' does not exist; check the path.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new NabiException($"'{path}' cannot be read: {e.Message}", e);
        }
    }

    private static NabiException NotWritten(string path) => new(Extension(path) == ".tflite"
        ? $"{Path.GetFileName(path)}: TensorFlow Lite models are not written yet; write .onnx or .nabi."
        : $"{Path.GetFileName(path)}: models are written as .onnx or .nabi; name the file accordingly.");

    private static string Extension(string path) => Path.GetExtension(path).ToLowerInvariant();

    private static int Start(string path, Span<byte> into)
    {
        try
        {
            using var stream = File.OpenRead(path);
            return stream.ReadAtLeast(into, into.Length, throwOnEndOfStream: false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new NabiException($"'{path}' cannot be read: {e.Message}", e);
        }
    }
}
