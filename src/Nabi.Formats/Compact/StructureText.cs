using System.IO.Compression;

namespace Nabi.Formats;

/// <summary>
/// The part of a .nabi file that is no tensor: names, metadata, operators, nodes. It repeats itself, and small networks consist of little else, so it is deflated (RFC
/// 1951) where that makes it smaller.
/// </summary>
internal static class StructureText
{
    private const byte Plain = 0, Deflated = 1;

    // What a file may at most grow into: a small damaged one cannot ask for all memory.
    private const int MostGrowth = 64;
    private const int Allowance = 4096;

    /// <summary>Appends it.</summary>
    public static void Write(ReadOnlySpan<byte> structure, ByteWriter writer)
    {
        using var memory = new MemoryStream();
        using (var deflate = new DeflateStream(memory, CompressionLevel.SmallestSize, leaveOpen: true)) deflate.Write(structure);
        var deflated = memory.ToArray();
        var isDeflated = deflated.Length < structure.Length && structure.Length <= Most(deflated.Length);
        writer.Byte(isDeflated ? Deflated : Plain);
        writer.Count(structure.Length);
        if (isDeflated) writer.Count(deflated.Length);
        writer.Bytes(isDeflated ? deflated : structure);
    }

    /// <summary>Reads it.</summary>
    /// <exception cref="NabiException">It is damaged.</exception>
    public static byte[] Read(ref ByteReader reader)
    {
        var kind = reader.Byte();
        if (kind > Deflated) throw new NabiException("the form of its structure is not known; a newer Nabi wrote the file");
        if (kind == Plain) return reader.Bytes(reader.Count()).ToArray();
        var length = reader.Count(0);
        var deflated = reader.Bytes(reader.Count());
        if (length > Most(deflated.Length)) throw new NabiException($"a structure of {length} bytes cannot come from {deflated.Length}; the file is damaged");
        var structure = new byte[length];
        try
        {
            using var inflate = new DeflateStream(new MemoryStream(deflated.ToArray()), CompressionMode.Decompress);
            inflate.ReadExactly(structure);
            if (inflate.ReadByte() >= 0) throw new NabiException("its structure is longer than it says; the file is damaged");
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
        {
            throw new NabiException("its structure cannot be inflated; the file is damaged", e);
        }
        return structure;
    }

    private static long Most(int deflated) => ((long)deflated * MostGrowth) + Allowance;
}
