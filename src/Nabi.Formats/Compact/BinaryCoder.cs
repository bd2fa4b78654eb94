namespace Nabi.Formats;

/// <summary>
/// Arithmetic coding of yes and no under probabilities that change from one to the next (Witten, Neal and Cleary 1987, "Arithmetic coding for data compression"): an
/// interval of 32 bits shrinks to the part of each answer, and its leading bytes leave when both ends agree on them. No carry runs through what has left.
/// </summary>
internal sealed class BinaryEncoder(ByteWriter writer)
{
    private uint _low;
    private uint _high = uint.MaxValue;

    /// <summary>Appends an answer.</summary>
    /// <param name="bit">1 for yes, 0 for no.</param>
    /// <param name="probability">Of yes, of 65536: 1 to 65535.</param>
    public void Encode(int bit, int probability)
    {
        var middle = _low + (uint)(((ulong)(_high - _low) * (uint)probability) >> 16);
        if (bit == 0) _low = middle + 1;
        else _high = middle;
        for (; ((_low ^ _high) & 0xFF000000) == 0; _low <<= 8, _high = (_high << 8) | 0xFF) writer.Byte((byte)(_high >> 24));
    }

    /// <summary>Appends what tells the last answers; zeros may follow.</summary>
    public void Finish()
    {
        if (_low > 0) writer.Byte((byte)((_low >> 24) + 1));
    }
}

/// <summary>Reads what <see cref="BinaryEncoder"/> wrote.</summary>
internal ref struct BinaryDecoder
{
    // After the last byte as many zeros are read as the interval has bytes.
    private const int MostMissing = 4;

    private readonly ReadOnlySpan<byte> _coded;
    private int _at;
    private uint _low;
    private uint _high = uint.MaxValue;
    private uint _value;

    /// <summary>Begins.</summary>
    public BinaryDecoder(ReadOnlySpan<byte> coded)
    {
        _coded = coded;
        for (var i = 0; i < sizeof(uint); i++) _value = (_value << 8) | Next();
    }

    /// <summary>The next answer.</summary>
    /// <param name="probability">Of yes, of 65536, as when it was written.</param>
    /// <exception cref="NabiException">There is no more.</exception>
    public int Decode(int probability)
    {
        var middle = _low + (uint)(((ulong)(_high - _low) * (uint)probability) >> 16);
        var bit = _value <= middle ? 1 : 0;
        if (bit == 0) _low = middle + 1;
        else _high = middle;
        for (; ((_low ^ _high) & 0xFF000000) == 0; _low <<= 8, _high = (_high << 8) | 0xFF) _value = (_value << 8) | Next();
        return bit;
    }

    private byte Next()
    {
        var at = _at++;
        return at < _coded.Length ? _coded[at]
            : at < _coded.Length + MostMissing ? (byte)0
            : throw new NabiException("context-coded data ends too early; the file is damaged");
    }
}
