using System.Buffers.Binary;

namespace Nabi.Training.Data;

/// <summary>Walks over the bytes of a file; reading past the end is a clear error that names the file.</summary>
internal ref struct DataCursor(ReadOnlySpan<byte> bytes, string source)
{
    private readonly ReadOnlySpan<byte> _bytes = bytes;

    public int Position { get; set; }

    public readonly int Length => _bytes.Length;

    public readonly int Left => _bytes.Length - Position;

    public byte U8() => Take(1)[0];

    public ushort U16Big() => BinaryPrimitives.ReadUInt16BigEndian(Take(2));

    public uint U32Big() => BinaryPrimitives.ReadUInt32BigEndian(Take(4));

    public ushort U16() => BinaryPrimitives.ReadUInt16LittleEndian(Take(2));

    public uint U32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    public int I32() => BinaryPrimitives.ReadInt32LittleEndian(Take(4));

    public ReadOnlySpan<byte> Take(long count)
    {
        if (count < 0 || count > Left) throw Fail($"it ends after {_bytes.Length} bytes, where {count} more are needed at {Position}");
        var taken = _bytes.Slice(Position, (int)count);
        Position += (int)count;
        return taken;
    }

    /// <summary>The failure that names the file; <paramref name="what"/> is a clause without a full stop.</summary>
    public readonly NabiException Fail(string what) => new($"File '{source}' is damaged: {what}.");
}
