namespace Nabi.Formats;

/// <summary>The positions and the values of <see cref="SparseCodec"/>, each entropy coded: pruned and quantized weights.</summary>
internal sealed class SparseEntropyCodec : TensorCodec
{
    /// <inheritdoc/>
    protected override byte[]? Encode(Tensor tensor)
    {
        if (tensor.Count < 64 || SparseCodec.Split(tensor) is not var (positions, values)) return null;
        var writer = new ByteWriter();
        writer.Count(positions.Length);
        Rans.Encode(positions, writer);
        writer.Count(values.Length);
        EntropyCodec.Encode(values, tensor.DType.Bits() / 8, writer);
        return writer.Written.ToArray();
    }

    /// <inheritdoc/>
    protected override void Decode(ReadOnlySpan<byte> payload, Tensor into)
    {
        var reader = new ByteReader(payload);
        // At worst a run of one zero and one other is two bytes for two elements, and one byte says which form it is.
        var positions = new byte[Bounded(reader.Count(0), 2L * into.Count + 16)];
        Rans.Decode(ref reader, positions);
        var values = new byte[Bounded(reader.Count(0), into.Bytes.Length)];
        EntropyCodec.Decode(ref reader, values, Math.Max(1, into.DType.Bits() / 8));
        SparseCodec.Join(positions, values, into);
    }

    private static int Bounded(int length, long most) => length <= most
        ? length
        : throw new NabiException("a sparse tensor declares more data than it has elements; the file is damaged");
}
