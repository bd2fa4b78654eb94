namespace Nabi.Formats;

/// <summary>Model files of any kind Nabi knows: by their first bytes when reading, by extension when writing.</summary>
public static class ModelFile
{
    /// <summary>Reads an .onnx or .nabi file.</summary>
    /// <exception cref="NabiException">The file is missing, damaged, or of a kind Nabi does not read.</exception>
    public static Graph Read(string path)
    {
        if (!File.Exists(path)) throw new NabiException($"The model file '{path}' does not exist; check the path.");
        Span<byte> start = stackalloc byte[8];
        start = start[..Start(path, start)];
        if (start.StartsWith(NabiFile.Magic)) return NabiFile.Read(path);
        if (start.Length == 8 && start[4..].SequenceEqual("TFL3"u8))
            throw new NabiException($"{Path.GetFileName(path)}: TensorFlow Lite models are not read yet; convert it to ONNX.");
        return Extension(path) switch
        {
            ".onnx" => OnnxFile.Read(path),
            ".nabi" => NabiFile.Read(path),
            _ => throw new NabiException($"{Path.GetFileName(path)}: it is not a model file Nabi knows; give an .onnx or .nabi file."),
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
            case ".tflite": throw new NabiException($"{Path.GetFileName(path)}: TensorFlow Lite models are not written yet; write .onnx or .nabi.");
            default: throw new NabiException($"{Path.GetFileName(path)}: models are written as .onnx or .nabi.");
        }
    }

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
