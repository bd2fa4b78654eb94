using System.Buffers.Binary;
using System.Text;

namespace Nabi.Formats;

/// <summary>Reads what <see cref="ByteWriter"/> wrote; every length is checked against the bytes there are.</summary>
internal ref struct ByteReader(ReadOnlySpan<byte> data)
{
    private ReadOnlySpan<byte> _rest = data;
    private string _previous = "";

    /// <summary>Bytes not read yet.</summary>
    public readonly int Remaining => _rest.Length;

    /// <summary>The next byte.</summary>
    public byte Byte() => Bytes(1)[0];

    /// <summary>The next bytes.</summary>
    /// <exception cref="NabiException">There are fewer.</exception>
    public ReadOnlySpan<byte> Bytes(int count)
    {
        if (count > _rest.Length) throw new NabiException("it ends too early; the file is damaged");
        var bytes = _rest[..count];
        _rest = _rest[count..];
        return bytes;
    }

    /// <summary>A count of things that take at least <paramref name="each"/> bytes, so that it cannot exceed what follows.</summary>
    /// <exception cref="NabiException">It does.</exception>
    public int Count(int each = 1)
    {
        var count = Unsigned();
        return each == 0 ? count <= int.MaxValue ? (int)count : throw new NabiException("a count is too large; the file is damaged")
            : count <= (ulong)(_rest.Length / each) ? (int)count
            : throw new NabiException($"it declares {count} items where {_rest.Length} bytes are left; the file is damaged");
    }

    /// <summary>A signed number.</summary>
    public long Signed()
    {
        var value = Unsigned();
        return (long)(value >> 1) ^ -(long)(value & 1);
    }

    /// <summary>A 64-bit float.</summary>
    public double Double() => BinaryPrimitives.ReadDoubleLittleEndian(Bytes(8));

    /// <summary>A text.</summary>
    public string Text() => Encoding.UTF8.GetString(Bytes(Count()));

    /// <summary>A name that shares its beginning with the one before.</summary>
    public string Name()
    {
        var shared = Count(0);
        if (shared > _previous.Length || shared > ByteWriter.MaxShared) throw new NabiException("a name is damaged");
        return _previous = string.Concat(_previous.AsSpan(0, shared), Text());
    }

    private ulong Unsigned()
    {
        ulong value = 0;
        for (var shift = 0; shift < 64; shift += 7)
        {
            var b = Byte();
            value |= (ulong)(b & 0x7F) << shift;
            if (b < 0x80) return value;
        }
        throw new NabiException("a number is longer than 64 bits; the file is damaged");
    }
}
