namespace Nabi.Formats;

/// <summary>
/// Canonical Huffman codes over bytes (Huffman 1952; Han et al. 2016, "Deep Compression", section 4): the lengths of the codes in half a byte each, then the codes,
/// highest bit first. <see cref="Rans"/> comes closer to the entropy; this needs less for the model, which decides where there are few symbols.
/// </summary>
internal static class Huffman
{
    private const int LongestCode = 15;

    /// <summary>Appends the code lengths and the coded symbols.</summary>
    /// <param name="symbols">Each below <paramref name="alphabet"/>.</param>
    /// <param name="alphabet">How many symbols there may be, 1 to 256.</param>
    /// <param name="writer">Receives the bytes.</param>
    public static void Encode(ReadOnlySpan<byte> symbols, int alphabet, ByteWriter writer)
    {
        var lengths = Lengths(symbols, alphabet);
        for (var s = 0; s < alphabet; s += 2) writer.Byte((byte)(lengths[s] | (s + 1 < alphabet ? lengths[s + 1] << 4 : 0)));
        var codes = Codes(lengths);
        uint waiting = 0;
        var bits = 0;
        foreach (var symbol in symbols)
        {
            waiting = (waiting << lengths[symbol]) | codes[symbol];
            for (bits += lengths[symbol]; bits >= 8; bits -= 8) writer.Byte((byte)(waiting >> (bits - 8)));
        }
        if (bits > 0) writer.Byte((byte)(waiting << (8 - bits)));
    }

    /// <summary>Fills <paramref name="into"/> with symbols.</summary>
    /// <exception cref="NabiException">The code lengths or the codes are damaged.</exception>
    public static void Decode(ref ByteReader reader, int alphabet, Span<byte> into)
    {
        var lengths = new byte[alphabet];
        var packed = reader.Bytes((alphabet + 1) / 2);
        for (var s = 0; s < alphabet; s++) lengths[s] = (byte)((packed[s / 2] >> (s % 2 * 4)) & 15);
        var table = Table(lengths);
        var coded = reader.Bytes(reader.Remaining);
        ulong waiting = 0;
        var (bits, at) = (0, 0);
        for (var i = 0; i < into.Length; i++)
        {
            for (; bits < LongestCode; bits += 8, at++) waiting = (waiting << 8) | (at < coded.Length ? coded[at] : 0u);
            var entry = table[(int)(waiting >> (bits - LongestCode)) & ((1 << LongestCode) - 1)];
            into[i] = (byte)entry;
            bits -= entry >> 8;
            if (entry >> 8 > LongestCode || (8L * at) - bits > 8L * coded.Length) throw new NabiException("Huffman-coded data ends too early; the file is damaged");
        }
    }

    // For every beginning of the longest length the symbol, and the length of its code above it.
    private static ushort[] Table(byte[] lengths)
    {
        var space = 0;
        foreach (var length in lengths) space += length == 0 ? 0 : 1 << (LongestCode - length);
        if (space > 1 << LongestCode || space == 0) throw new NabiException("the code lengths of Huffman-coded data are damaged");
        var (table, codes) = (new ushort[1 << LongestCode], Codes(lengths));
        // What no code begins with has an impossible length.
        table.AsSpan().Fill((LongestCode + 1) << 8);
        for (var s = 0; s < lengths.Length; s++)
        {
            if (lengths[s] > 0) table.AsSpan((int)codes[s] << (LongestCode - lengths[s]), 1 << (LongestCode - lengths[s])).Fill((ushort)((lengths[s] << 8) | s));
        }
        return table;
    }

    // Shorter codes first, and of equal length in the order of the symbols.
    private static uint[] Codes(byte[] lengths)
    {
        var codes = new uint[lengths.Length];
        uint next = 0;
        for (var length = 1; length <= LongestCode; length++, next <<= 1)
        {
            for (var s = 0; s < lengths.Length; s++)
                if (lengths[s] == length) codes[s] = next++;
        }
        return codes;
    }

    // Counts are evened out until no code is too long.
    private static byte[] Lengths(ReadOnlySpan<byte> symbols, int alphabet)
    {
        var counts = new long[alphabet];
        foreach (var symbol in symbols) counts[symbol]++;
        while (true)
        {
            var lengths = Tree(counts);
            if (Array.TrueForAll(lengths, l => l <= LongestCode)) return Array.ConvertAll(lengths, l => (byte)l);
            for (var s = 0; s < alphabet; s++) counts[s] = counts[s] == 0 ? 0 : Math.Max(1, counts[s] / 2);
        }
    }

    private static int[] Tree(long[] counts)
    {
        var parents = new int[2 * counts.Length];
        var queue = new PriorityQueue<int, (long Count, int Order)>();
        var present = 0;
        for (var s = 0; s < counts.Length; s++)
        {
            if (counts[s] == 0) continue;
            queue.Enqueue(s, (counts[s], s));
            present++;
        }
        var next = counts.Length;
        while (queue.TryDequeue(out var a, out var first) && queue.TryDequeue(out var b, out var second))
        {
            parents[a] = parents[b] = next;
            queue.Enqueue(next, (first.Count + second.Count, next));
            next++;
        }
        var depths = new int[next];
        for (var n = next - 2; n >= 0; n--) depths[n] = parents[n] == 0 ? 0 : depths[parents[n]] + 1;
        return [.. depths.AsSpan(0, counts.Length).ToArray().Select((d, s) => counts[s] > 0 && present == 1 ? 1 : d)];
    }
}
