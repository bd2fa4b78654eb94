namespace Nabi.Formats;

/// <summary>Symbols below 256, arranged as a matrix, in the smallest of several ways: packed in 1, 2, 4 or 8 bits, as Huffman or range-coded, or coded under contexts.</summary>
internal static class SymbolCodec
{
    private const byte Packed = 0, Prefix = 1, Range = 2, Context = 3;

    // Beyond so many columns contexts of columns cost more memory than they save.
    private const int MostColumns = 1 << 16;
    private const int UsualColumns = 256;

    /// <summary>Appends how they are coded and the symbols; what follows is taken for theirs when they are read.</summary>
    /// <param name="symbols">Row by row, each below <paramref name="alphabet"/>.</param>
    /// <param name="shape">The tensor's shape.</param>
    /// <param name="alphabet">How many symbols there may be, 1 to 256.</param>
    /// <param name="writer">Receives the bytes.</param>
    public static void Encode(ReadOnlySpan<byte> symbols, Shape shape, int alphabet, ByteWriter writer)
    {
        if (alphabet < 2) return;
        var (best, bytes) = (Packed, Pack(symbols, WidthOf(alphabet)));
        for (var way = Prefix; way <= Context; way++)
        {
            var candidate = new ByteWriter();
            switch (way)
            {
                case Prefix: Huffman.Encode(symbols, alphabet, candidate); break;
                case Range: Rans.Encode(symbols, candidate); break;
                default: ContextCoder.Encode(symbols, ColumnsOf(shape), alphabet, candidate); break;
            }
            if (candidate.Written.Length < bytes.Length) (best, bytes) = (way, candidate.Written.ToArray());
        }
        writer.Byte(best);
        writer.Bytes(bytes);
    }

    /// <summary>Fills <paramref name="into"/> with symbols from all that is left.</summary>
    /// <exception cref="NabiException">The data are damaged.</exception>
    public static void Decode(ref ByteReader reader, Shape shape, int alphabet, Span<byte> into)
    {
        into.Clear();
        if (alphabet < 2 || into.IsEmpty) return;
        switch (reader.Byte())
        {
            case Packed: Unpack(reader.Bytes(reader.Remaining), WidthOf(alphabet), into); break;
            case Prefix: Huffman.Decode(ref reader, alphabet, into); break;
            case Range: Rans.Decode(ref reader, into); break;
            case Context: ContextCoder.Decode(ref reader, ColumnsOf(shape), alphabet, into); break;
            default: throw new NabiException("a coding of symbols is not known; a newer Nabi wrote the file");
        }
        if (alphabet < 256 && into.ContainsAnyExceptInRange((byte)0, (byte)(alphabet - 1))) throw new NabiException("a symbol is out of range; the file is damaged");
    }

    private static int ColumnsOf(Shape shape) => shape is { Rank: > 1 } && shape[0] > 0 && shape.Count / shape[0] is > 0 and <= MostColumns ? shape.Count / shape[0] : UsualColumns;

    private static int WidthOf(int alphabet) => alphabet <= 2 ? 1 : alphabet <= 4 ? 2 : alphabet <= 16 ? 4 : 8;

    private static byte[] Pack(ReadOnlySpan<byte> symbols, int width)
    {
        var each = 8 / width;
        var bytes = new byte[(symbols.Length + each - 1) / each];
        for (var i = 0; i < symbols.Length; i++) bytes[i / each] |= (byte)(symbols[i] << (i % each * width));
        return bytes;
    }

    private static void Unpack(ReadOnlySpan<byte> bytes, int width, Span<byte> into)
    {
        var each = 8 / width;
        if (bytes.Length < (into.Length + each - 1) / each) throw new NabiException("packed symbols end too early; the file is damaged");
        for (var i = 0; i < into.Length; i++) into[i] = (byte)((bytes[i / each] >> (i % each * width)) & ((1 << width) - 1));
    }
}
