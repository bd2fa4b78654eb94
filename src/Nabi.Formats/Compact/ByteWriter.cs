using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Nabi.Formats;

/// <summary>Builds bytes: variable-length integers, texts, and texts that share their beginning with the one before.</summary>
internal sealed class ByteWriter
{
    /// <summary>Characters a name may share with the one before; bounded so that a small file cannot grow into long names.</summary>
    public const int MaxShared = 255;

    private readonly ArrayBufferWriter<byte> _buffer = new();
    private string _previous = "";

    /// <summary>What was written.</summary>
    public ReadOnlySpan<byte> Written => _buffer.WrittenSpan;

    /// <summary>Appends a byte.</summary>
    public void Byte(byte value) => _buffer.Write([value]);

    /// <summary>Appends bytes.</summary>
    public void Bytes(ReadOnlySpan<byte> bytes) => _buffer.Write(bytes);

    /// <summary>Appends a count: seven bits a byte, least significant first.</summary>
    public void Count(int value) => Unsigned((ulong)value);

    /// <summary>Appends a signed number; small magnitudes are short.</summary>
    public void Signed(long value) => Unsigned((ulong)((value << 1) ^ (value >> 63)));

    /// <summary>Appends a 64-bit float.</summary>
    public void Double(double value)
    {
        BinaryPrimitives.WriteDoubleLittleEndian(_buffer.GetSpan(8), value);
        _buffer.Advance(8);
    }

    /// <summary>Appends a text: its length in UTF-8 and the bytes.</summary>
    public void Text(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        Count(bytes.Length);
        Bytes(bytes);
    }

    /// <summary>Appends a name by how many characters it shares with the name before, and the rest.</summary>
    public void Name(string name)
    {
        var shared = Math.Min(MaxShared, name.AsSpan().CommonPrefixLength(_previous));
        // The parts are UTF-8 each: a pair of surrogates stays together.
        if (shared > 0 && char.IsHighSurrogate(name[shared - 1])) shared--;
        Count(shared);
        Text(name[shared..]);
        _previous = name;
    }

    private void Unsigned(ulong value)
    {
        for (; value >= 0x80; value >>= 7) Byte((byte)(value | 0x80));
        Byte((byte)value);
    }
}
