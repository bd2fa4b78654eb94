namespace Nabi.Compression.Search;

/// <summary>Writes and reads model files for the search, which measures size on disk and accuracy on what was written.</summary>
public interface IModelStore
{
    /// <summary>Writes a model: first under another name, then moved.</summary>
    /// <param name="graph">The model.</param>
    /// <param name="folder">The folder, which exists.</param>
    /// <param name="name">Name of the file without extension.</param>
    /// <returns>The file that is deployed and the bytes it takes.</returns>
    StoredModel Write(Graph graph, string folder, string name);

    /// <summary>Reads a model that was written.</summary>
    /// <param name="path">The file <see cref="Write"/> named.</param>
    Graph Read(string path);
}

/// <summary>A model on disk.</summary>
/// <param name="Path">The file.</param>
/// <param name="Bytes">Its size.</param>
public sealed record StoredModel(string Path, long Bytes);
