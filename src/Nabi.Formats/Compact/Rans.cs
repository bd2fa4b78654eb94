using System.Buffers.Binary;

namespace Nabi.Formats;

/// <summary>
/// Range asymmetric numeral systems (Duda 2013, "Asymmetric numeral systems") over bytes with a static order-0 model: the state x of a
/// symbol with frequency f and cumulative frequency c becomes (x / f) M + c + (x mod f), and bytes leave it when it would pass 2^31.
/// The frequencies are scaled to M = 2^14 and stored before the coded bytes.
/// </summary>
internal static class Rans
{
    private const int ScaleBits = 14;
    private const uint Scale = 1 << ScaleBits;
    private const uint Lower = 1u << 23;

    private const byte Plain = 0, Coded = 1;

    // Coding must save this part of the bytes, or they are stored as they are: noise is read faster than it is decoded.
    private const double LeastSaving = 1.0 / 128;

    /// <summary>Appends the model and the coded bytes with their length before them, or the bytes alone when coding saves nothing.</summary>
    public static void Encode(ReadOnlySpan<byte> data, ByteWriter writer)
    {
        var frequencies = Frequencies(data);
        if (Saving(data, frequencies) < LeastSaving)
        {
            writer.Byte(Plain);
            writer.Bytes(data);
            return;
        }
        writer.Byte(Coded);
        WriteModel(frequencies, writer);
        var starts = Starts(frequencies);
        var coded = new byte[data.Length * 2 + 16];
        var at = coded.Length;
        var state = Lower;
        for (var i = data.Length - 1; i >= 0; i--)
        {
            var (frequency, start) = (frequencies[data[i]], starts[data[i]]);
            var limit = (ulong)((Lower >> ScaleBits) << 8) * frequency;
            for (; state >= limit; state >>= 8) coded[--at] = (byte)state;
            state = ((state / frequency) << ScaleBits) + state % frequency + start;
        }
        at -= 4;
        BinaryPrimitives.WriteUInt32LittleEndian(coded.AsSpan(at), state);
        writer.Count(coded.Length - at);
        writer.Bytes(coded.AsSpan(at));
    }

    /// <summary>Reads a model and fills <paramref name="into"/> with what was coded under it.</summary>
    /// <exception cref="NabiException">The model or the bytes are damaged.</exception>
    public static void Decode(ref ByteReader reader, Span<byte> into)
    {
        if (reader.Byte() == Plain)
        {
            reader.Bytes(into.Length).CopyTo(into);
            return;
        }
        var frequencies = ReadModel(ref reader);
        var (symbols, steps) = Slots(frequencies);
        var coded = reader.Bytes(reader.Count());
        if (coded.Length < 4) throw new NabiException("entropy-coded data ends too early; the file is damaged");
        var state = BinaryPrimitives.ReadUInt32LittleEndian(coded);
        var at = 4;
        for (var i = 0; i < into.Length; i++)
        {
            var slot = state & (Scale - 1);
            into[i] = symbols[slot];
            state = (steps[slot] >> ScaleBits) * (state >> ScaleBits) + (steps[slot] & (Scale - 1));
            for (; state < Lower; state = (state << 8) | coded[at++])
                if (at >= coded.Length) throw new NabiException("entropy-coded data ends too early; the file is damaged");
        }
    }

    // For every slot of the scale its symbol, and in one number the symbol's frequency and the slot's place within it.
    private static (byte[] Symbols, uint[] Steps) Slots(uint[] frequencies)
    {
        var (symbols, steps) = (new byte[Scale], new uint[Scale]);
        for (uint symbol = 0, slot = 0; symbol < 256; symbol++)
        {
            for (uint within = 0; within < frequencies[symbol]; within++, slot++)
                (symbols[slot], steps[slot]) = ((byte)symbol, (frequencies[symbol] << ScaleBits) | within);
        }
        return (symbols, steps);
    }

    // The part of the bytes that coding saves, the model counted at a byte and a half a symbol.
    private static double Saving(ReadOnlySpan<byte> data, uint[] frequencies)
    {
        if (data.IsEmpty) return 0;
        var counts = Counts(data);
        double bits = 0;
        for (var s = 0; s < 256; s++)
            if (counts[s] > 0) bits += counts[s] * (ScaleBits - Math.Log2(frequencies[s])) + 12;
        return 1 - bits / 8 / data.Length;
    }

    private static long[] Counts(ReadOnlySpan<byte> data)
    {
        var counts = new long[256];
        foreach (var b in data) counts[b]++;
        return counts;
    }

    // Every byte that occurs keeps at least 1; the largest absorbs what rounding leaves over.
    private static uint[] Frequencies(ReadOnlySpan<byte> data)
    {
        var counts = Counts(data);
        var frequencies = new uint[256];
        if (data.IsEmpty)
        {
            frequencies[0] = Scale;
            return frequencies;
        }
        var total = 0L;
        for (var s = 0; s < 256; s++)
        {
            if (counts[s] == 0) continue;
            frequencies[s] = (uint)Math.Max(1, (counts[s] * Scale + data.Length / 2) / data.Length);
            total += frequencies[s];
        }
        while (total != Scale)
        {
            var largest = Array.IndexOf(frequencies, frequencies.Max());
            var change = total > Scale ? Math.Max(Scale - total, 1L - frequencies[largest] / 2) : Scale - total;
            if (change == 0) change = -1;
            frequencies[largest] = (uint)(frequencies[largest] + change);
            total += change;
        }
        return frequencies;
    }

    private static uint[] Starts(uint[] frequencies)
    {
        var starts = new uint[256];
        for (var s = 1; s < 256; s++) starts[s] = starts[s - 1] + frequencies[s - 1];
        return starts;
    }

    // Alternating: how many bytes do not occur, how many do, and the frequencies of those.
    private static void WriteModel(uint[] frequencies, ByteWriter writer)
    {
        for (var s = 0; s < 256;)
        {
            var absent = s;
            while (s < 256 && frequencies[s] == 0) s++;
            writer.Count(s - absent);
            var present = s;
            while (s < 256 && frequencies[s] != 0) s++;
            writer.Count(s - present);
            for (var i = present; i < s; i++) writer.Count((int)frequencies[i]);
        }
    }

    private static uint[] ReadModel(ref ByteReader reader)
    {
        var frequencies = new uint[256];
        long total = 0;
        for (var s = 0; s < 256;)
        {
            s += Math.Min(reader.Count(0), 256);
            var present = Math.Min(reader.Count(0), 256);
            if (s + present > 256 || (present == 0 && s < 256)) throw new NabiException("the model of entropy-coded data is damaged");
            for (var i = 0; i < present; i++) total += frequencies[s++] = (uint)reader.Count(0);
        }
        return total == Scale ? frequencies : throw new NabiException("the model of entropy-coded data is damaged");
    }
}
