using Nabi.Compression.Search;
using Nabi.Formats;

namespace Nabi.Cli.Commands;

/// <summary>Keeps variants as .nabi, which is measured, and beside it as ONNX.</summary>
internal sealed class ModelStore : IModelStore
{
    /// <inheritdoc/>
    public StoredModel Write(Graph graph, string folder, string name)
    {
        var path = Path.Combine(folder, name + ".nabi");
        ModelFile.Write(graph, Path.ChangeExtension(path, ".onnx"));
        ModelFile.Write(graph, path);
        return new StoredModel(path, new FileInfo(path).Length);
    }

    /// <inheritdoc/>
    public Graph Read(string path) => ModelFile.Read(path);
}
