using System.Buffers.Binary;

namespace Nabi.Formats;

/// <summary>
/// Nabi's own compact model file (<c>.nabi</c>): the whole graph, updates of training steps included, with every tensor stored in the
/// smallest of several lossless ways. Layout: the magic bytes, the version (16 bit), the XXH64 hash of the rest (64 bit), then the graph:
/// name, metadata, distinct operators, inputs, parameters, nodes, outputs, updates, deflated together, and the parameters' tensors. Values are
/// numbered inputs first, then parameters, then node outputs in order. In version 1, which is still read, each tensor lies within the structure,
/// which is not deflated.
/// </summary>
public static class NabiFile
{
    private const ushort Version = 2;
    private const ushort InOnePiece = 1;
    private const int HeaderBytes = 18;

    /// <summary>How a .nabi file begins. Line ends and the end-of-file mark reveal files damaged by text transfer.</summary>
    internal static ReadOnlySpan<byte> Magic => "NABI\r\n\u001A\n"u8;

    /// <summary>Reads a model.</summary>
    /// <exception cref="NabiException">The file is missing, damaged or from a newer version.</exception>
    public static Graph Read(string path)
    {
        var bytes = ModelFile.ReadBytes(path);
        try
        {
            return Read(bytes);
        }
        catch (NabiException e)
        {
            throw new NabiException($"{Path.GetFileName(path)}: {e.Message.TrimEnd('.')}.", e);
        }
    }

    /// <summary>Reads a model from memory.</summary>
    /// <exception cref="NabiException">The bytes are damaged or from a newer version.</exception>
    public static Graph Read(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < HeaderBytes || !bytes.StartsWith(Magic)) throw new NabiException("it is not a .nabi file");
        var version = BinaryPrimitives.ReadUInt16LittleEndian(bytes[8..]);
        if (version > Version) throw new NabiException($"it has version {version}, this Nabi reads up to {Version}; update Nabi");
        if (BinaryPrimitives.ReadUInt64LittleEndian(bytes[10..]) != XxHash64.Of(bytes[HeaderBytes..]))
            throw new NabiException("its contents do not match their hash; the file is damaged, copy or write it again");
        var tensors = new ByteReader(bytes[HeaderBytes..]);
        if (version <= InOnePiece) return CompactGraph.Read(ref tensors, ref tensors);
        var structure = new ByteReader(StructureText.Read(ref tensors));
        return CompactGraph.Read(ref structure, ref tensors);
    }

    /// <summary>Writes a graph.</summary>
    /// <exception cref="NabiException">The file cannot be written.</exception>
    public static void Write(Graph graph, string path, NabiWriteOptions? options = null)
    {
        var bytes = Write(graph, options);
        AtomicFile.Write(path, stream => stream.Write(bytes));
    }

    /// <summary>The bytes of a graph's file.</summary>
    public static byte[] Write(Graph graph, NabiWriteOptions? options = null)
    {
        var (structure, tensors, body) = (new ByteWriter(), new ByteWriter(), new ByteWriter());
        CompactGraph.Write(graph, options ?? new NabiWriteOptions(), structure, tensors);
        StructureText.Write(structure.Written, body);
        body.Bytes(tensors.Written);
        var bytes = new byte[HeaderBytes + body.Written.Length];
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(8), Version);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(10), XxHash64.Of(body.Written));
        body.Written.CopyTo(bytes.AsSpan(HeaderBytes));
        return bytes;
    }
}
