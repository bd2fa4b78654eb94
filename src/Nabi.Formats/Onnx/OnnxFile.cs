using Google.Protobuf;
using Nabi.Formats.OnnxProto;

namespace Nabi.Formats;

/// <summary>
/// ONNX models to and from graphs. Operator sets 1 to 24 are read and turned into the form of 17 to 22, which are written.
/// </summary>
public static class OnnxFile
{
    /// <summary>Reads a model. Shape arithmetic whose result the file decides is evaluated; unused tensors are left out.</summary>
    /// <param name="path">The file; tensors kept beside it are found by their relative names.</param>
    /// <param name="options">Bound inputs and input shapes.</param>
    /// <exception cref="NabiException">The file is missing, damaged or uses something Nabi does not have; the message names file and node.</exception>
    public static Graph Read(string path, OnnxReadOptions? options = null) =>
        Import(ModelFile.ReadBytes(path), Path.GetFileName(path), options, new ExternalData(Path.GetDirectoryName(path) ?? ""));

    /// <summary>Reads a model that keeps all its tensors inside.</summary>
    /// <param name="stream">The model's bytes, to the end of the stream.</param>
    /// <param name="options">Bound inputs and input shapes.</param>
    /// <param name="name">What messages call the model.</param>
    /// <exception cref="NabiException">The model is damaged or uses something Nabi does not have.</exception>
    public static Graph Read(Stream stream, OnnxReadOptions? options = null, string name = "the model")
    {
        using var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        return Import(bytes.ToArray(), name, options, null);
    }

    /// <summary>Writes a graph.</summary>
    /// <param name="graph">A graph without updates.</param>
    /// <param name="path">The file; it appears when it is complete.</param>
    /// <param name="options">Operator set, external data, exchange form.</param>
    /// <exception cref="NabiException">The graph cannot be said in ONNX, or the file not written.</exception>
    public static void Write(Graph graph, string path, OnnxWriteOptions? options = null)
    {
        options ??= new OnnxWriteOptions();
        var total = graph.Parameters.Sum(p => p.Type.Bytes);
        var threshold = options.ExternalDataThreshold ?? (total > 1_900_000_000 ? 1024 : long.MaxValue);
        if (threshold == long.MaxValue)
        {
            var model = OnnxExporter.Export(graph, options);
            AtomicFile.Write(path, stream => model.WriteTo(stream));
            return;
        }
        ModelProto? outside = null;
        var beside = path + ".data";
        AtomicFile.Write(beside, data => outside = OnnxExporter.Export(graph, options, new ExternalWriter(data, Path.GetFileName(beside), threshold)));
        AtomicFile.Write(path, stream => outside!.WriteTo(stream));
    }

    /// <summary>Writes a graph with all tensors inside.</summary>
    /// <exception cref="NabiException">The graph cannot be said in ONNX.</exception>
    public static void Write(Graph graph, Stream stream, OnnxWriteOptions? options = null) =>
        OnnxExporter.Export(graph, options ?? new OnnxWriteOptions()).WriteTo(stream);

    internal static Graph Import(byte[] bytes, string name, OnnxReadOptions? options, ExternalData? external)
    {
        try
        {
            return OnnxImporter.Import(Parse(bytes), options ?? new OnnxReadOptions(), external);
        }
        catch (NabiException e)
        {
            var sentence = e.Message.EndsWith('.') ? e.Message : e.Message + ".";
            throw new NabiException($"{name}: {sentence}", e);
        }
    }

    // The parser reads past its buffer in some damaged groups instead of saying so.
    private static ModelProto Parse(byte[] bytes)
    {
        try
        {
            return ModelProto.Parser.WithDiscardUnknownFields(true).ParseFrom(bytes);
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or IndexOutOfRangeException or ArgumentException or InvalidOperationException)
        {
            throw new NabiException($"it is not an ONNX model, or it is damaged ({e.Message.TrimEnd('.')})", e);
        }
    }
}
