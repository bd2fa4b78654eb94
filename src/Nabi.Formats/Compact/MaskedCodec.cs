namespace Nabi.Formats;

/// <summary>
/// Which elements are zero, coded under contexts, and the others entropy coded: pruned weights of many values. A place costs about the entropy of being zero or not,
/// less where whole rows or columns are; the run lengths of Han et al. 2016, section 2, in 5 or 8 bits each, cost more.
/// </summary>
internal sealed class MaskedCodec : TensorCodec
{
    /// <inheritdoc/>
    protected override byte[]? Encode(Tensor tensor)
    {
        if (tensor.Count < 64 || SparseCodec.Split(tensor) is not var (_, values)) return null;
        var (size, mask) = (tensor.DType.Bits() / 8, new byte[tensor.Count]);
        for (var i = 0; i < mask.Length; i++) mask[i] = SparseCodec.IsZero(tensor, i, size) ? (byte)0 : (byte)1;
        var writer = new ByteWriter();
        writer.Count(values.Length);
        EntropyCodec.Encode(values, size, writer);
        SymbolCodec.Encode(mask, tensor.Shape, 2, writer);
        return writer.Written.ToArray();
    }

    /// <inheritdoc/>
    protected override void Decode(ReadOnlySpan<byte> payload, Tensor into)
    {
        var reader = new ByteReader(payload);
        var size = into.DType.Bits() / 8;
        var length = reader.Count(0);
        if (size == 0 || length > into.Bytes.Length || length % size != 0) throw Damaged();
        var (values, mask) = (new byte[length], new byte[into.Count]);
        EntropyCodec.Decode(ref reader, values, size);
        SymbolCodec.Decode(ref reader, into.Shape, 2, mask);
        if ((long)mask.AsSpan().Count((byte)1) * size != length) throw Damaged();
        for (int i = 0, at = 0; i < mask.Length; i++)
        {
            if (mask[i] == 0) continue;
            values.AsSpan(at, size).CopyTo(into.Bytes[(i * size)..]);
            at += size;
        }
    }

    private static NabiException Damaged() => new("the places of a sparse tensor are damaged");
}
