using System.Buffers.Binary;

namespace Nabi.Formats;

/// <summary>
/// At most 256 different values: the values once, then for every element which of them, by <see cref="SymbolCodec"/>. For weights that share values, quantized and
/// binary ones, and indices, which need no list of values.
/// </summary>
internal sealed class PaletteCodec : TensorCodec
{
    private const int MostValues = 256;
    private const byte NoList = 0, List = 1;

    /// <inheritdoc/>
    protected override byte[]? Encode(Tensor tensor)
    {
        if (tensor.Count == 0 || ValuesOf(tensor) is not { } values) return null;
        var (bits, writer) = (tensor.DType.Bits(), new ByteWriter());
        var symbols = new byte[tensor.Count];
        // Numbers below 256 are their own symbols.
        if (bits <= 8)
        {
            writer.Byte(NoList);
            writer.Byte((byte)values.Keys.Max());
            for (var i = 0; i < symbols.Length; i++) symbols[i] = (byte)ElementOf(tensor, i);
            SymbolCodec.Encode(symbols, tensor.Shape, (int)values.Keys.Max() + 1, writer);
            return writer.Written.ToArray();
        }
        var most = values.MaxBy(v => v.Value).Key;
        ulong[] palette = [most, .. values.Keys.Where(v => v != most).Order()];
        writer.Byte(List);
        writer.Byte((byte)(palette.Length - 1));
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        foreach (var value in palette)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
            writer.Bytes(bytes[..(bits / 8)]);
        }
        var places = palette.Select((v, i) => (v, i)).ToDictionary(p => p.v, p => (byte)p.i);
        for (var i = 0; i < symbols.Length; i++) symbols[i] = places[ElementOf(tensor, i)];
        SymbolCodec.Encode(symbols, tensor.Shape, palette.Length, writer);
        return writer.Written.ToArray();
    }

    /// <inheritdoc/>
    protected override void Decode(ReadOnlySpan<byte> payload, Tensor into)
    {
        var reader = new ByteReader(payload);
        var bits = into.DType.Bits();
        var isList = reader.Byte() == List;
        var alphabet = reader.Byte() + 1;
        if (isList == bits <= 8 || alphabet > 1 << Math.Min(bits, 8)) throw new NabiException("the values of a tensor are damaged");
        var palette = isList ? reader.Bytes(alphabet * bits / 8) : [];
        if (bits == 8)
        {
            SymbolCodec.Decode(ref reader, into.Shape, alphabet, into.Bytes);
            return;
        }
        var symbols = new byte[into.Count];
        SymbolCodec.Decode(ref reader, into.Shape, alphabet, symbols);
        var target = into.Bytes;
        var size = bits / 8;
        if (!isList)
        {
            for (var i = 0; i < symbols.Length; i++) target[i / 2] |= (byte)(symbols[i] << (i % 2 * 4));
            return;
        }
        for (var i = 0; i < symbols.Length; i++) palette.Slice(symbols[i] * size, size).CopyTo(target[(i * size)..]);
    }

    // How often each value occurs; null when there are too many.
    private static Dictionary<ulong, int>? ValuesOf(Tensor tensor)
    {
        var values = new Dictionary<ulong, int>();
        for (var i = 0; i < tensor.Count; i++)
        {
            var element = ElementOf(tensor, i);
            values[element] = values.GetValueOrDefault(element) + 1;
            if (values.Count > MostValues) return null;
        }
        return values;
    }

    private static ulong ElementOf(Tensor tensor, int index)
    {
        var bytes = tensor.Bytes;
        return tensor.DType.Bits() switch
        {
            4 => (ulong)(bytes[index / 2] >> (index % 2 * 4)) & 15,
            8 => bytes[index],
            16 => BinaryPrimitives.ReadUInt16LittleEndian(bytes[(2 * index)..]),
            32 => BinaryPrimitives.ReadUInt32LittleEndian(bytes[(4 * index)..]),
            _ => BinaryPrimitives.ReadUInt64LittleEndian(bytes[(8 * index)..]),
        };
    }
}
