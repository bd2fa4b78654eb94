namespace Nabi.Formats;

/// <summary>Model files by their extension.</summary>
public static class ModelFile
{
    /// <summary>Reads a model.</summary>
    /// <exception cref="NabiException">The file is missing, broken or of a kind that is not read; the sentence says which.</exception>
    public static Graph Read(string path)
    {
        if (Directory.Exists(path) || !File.Exists(path)) throw new NabiException($"The model file '{path}' does not exist; check the path.");
        return Path.GetExtension(path).ToLowerInvariant() switch
        {
            ".onnx" => OnnxFile.Read(path),
            var other => throw Unknown(path, other),
        };
    }

    /// <summary>Writes a model, to a temporary name first, then moved.</summary>
    /// <exception cref="NabiException">The extension is of a kind that is not written.</exception>
    public static void Write(Graph graph, string path)
    {
        switch (Path.GetExtension(path).ToLowerInvariant())
        {
            case ".onnx":
                OnnxFile.Write(graph, path);
                break;
            case var other:
                throw Unknown(path, other);
        }
    }

    private static NabiException Unknown(string path, string extension) =>
        new($"'{path}': files of kind '{extension}' are not supported; use .onnx.");
}
