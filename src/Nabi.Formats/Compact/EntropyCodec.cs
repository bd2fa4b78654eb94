namespace Nabi.Formats;

/// <summary>
/// Entropy coded byte by byte with <see cref="Rans"/>. Elements of several bytes are taken apart first, all first bytes, then all second
/// ones, each with its own model: the exponents of float weights repeat, their low fraction bits do not.
/// </summary>
internal sealed class EntropyCodec : TensorCodec
{
    /// <inheritdoc/>
    protected override byte[]? Encode(Tensor tensor)
    {
        if (tensor.Count < 64) return null;
        var writer = new ByteWriter();
        Encode(tensor.Bytes, Math.Max(1, tensor.DType.Bits() / 8), writer);
        return writer.Written.ToArray();
    }

    /// <inheritdoc/>
    protected override void Decode(ReadOnlySpan<byte> payload, Tensor into)
    {
        var reader = new ByteReader(payload);
        Decode(ref reader, into.Bytes, Math.Max(1, into.DType.Bits() / 8));
    }

    /// <summary>Codes elements of <paramref name="size"/> bytes.</summary>
    public static void Encode(ReadOnlySpan<byte> data, int size, ByteWriter writer)
    {
        var plane = new byte[data.Length / size];
        for (var offset = 0; offset < size; offset++)
        {
            for (var i = 0; i < plane.Length; i++) plane[i] = data[i * size + offset];
            Rans.Encode(plane, writer);
        }
    }

    /// <summary>Decodes elements of <paramref name="size"/> bytes.</summary>
    public static void Decode(ref ByteReader reader, Span<byte> into, int size)
    {
        var plane = new byte[into.Length / size];
        for (var offset = 0; offset < size; offset++)
        {
            Rans.Decode(ref reader, plane);
            for (var i = 0; i < plane.Length; i++) into[i * size + offset] = plane[i];
        }
    }
}
