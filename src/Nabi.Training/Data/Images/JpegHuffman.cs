namespace Nabi.Training.Data.Images;

/// <summary>A JPEG Huffman table (ITU T.81 annex C and F.2.2.3), looked up by the next 16 bits.</summary>
internal sealed class JpegHuffman
{
    private readonly ushort[] _lookup = new ushort[1 << 16];

    /// <summary>Reads a table: 16 counts, then the symbols.</summary>
    public JpegHuffman(ref DataCursor cursor)
    {
        var counts = cursor.Take(16);
        var code = 0;
        var total = 0;
        foreach (var count in counts) total += count;
        if (total > 256) throw cursor.Fail("a Huffman table has more than 256 symbols");
        var symbols = cursor.Take(total);
        for (int length = 1, next = 0; length <= 16; length++, code <<= 1)
        {
            for (var i = 0; i < counts[length - 1]; i++, code++)
            {
                if (code >= 1 << length) throw cursor.Fail("a Huffman table is not a prefix code");
                _lookup.AsSpan(code << (16 - length), 1 << (16 - length)).Fill((ushort)(length << 8 | symbols[next++]));
            }
        }
    }

    /// <summary>Length (high byte, 0: no code) and symbol (low byte) that begin with these 16 bits.</summary>
    public ushort this[int bits16] => _lookup[bits16];
}

/// <summary>The bits of a JPEG scan: stuffed zeros are skipped, past the end come zeros.</summary>
internal ref struct JpegBits(ReadOnlySpan<byte> bytes)
{
    private readonly ReadOnlySpan<byte> _bytes = bytes;
    private ulong _bits;
    private int _count;

    public int Position { get; private set; }

    /// <summary>Bits read after the end of the data. A few are padding; many mean that the file is cut.</summary>
    public int Overrun { get; private set; }

    public int Decode(JpegHuffman table)
    {
        Fill(16);
        var entry = table[(int)(_bits >> (_count - 16)) & 0xFFFF];
        _count -= entry >> 8;
        return entry == 0 ? -1 : entry & 0xFF;
    }

    /// <summary>A number of <paramref name="size"/> bits whose first bit tells its sign (F.2.2.1).</summary>
    public int Receive(int size)
    {
        if (size == 0) return 0;
        var value = Bits(size);
        return value < 1 << (size - 1) ? value - (1 << size) + 1 : value;
    }

    public int Bits(int size)
    {
        if (size == 0) return 0;
        Fill(size);
        _count -= size;
        return (int)(_bits >> _count) & ((1 << size) - 1);
    }

    /// <summary>Drops the rest of the byte and skips a restart marker; false when another marker or the end is there.</summary>
    public bool Restart()
    {
        (_bits, _count) = (0, 0);
        if (Position + 1 >= _bytes.Length || _bytes[Position] != 0xFF || _bytes[Position + 1] is < 0xD0 or > 0xD7) return false;
        Position += 2;
        return true;
    }

    private void Fill(int need)
    {
        while (_count < need)
        {
            byte next = 0;
            if (Position >= _bytes.Length || (_bytes[Position] == 0xFF && (Position + 1 >= _bytes.Length || _bytes[Position + 1] != 0)))
            {
                Overrun += 8;
            }
            else
            {
                next = _bytes[Position++];
                if (next == 0xFF) Position++;
            }
            _bits = _bits << 8 | next;
            _count += 8;
        }
    }
}
