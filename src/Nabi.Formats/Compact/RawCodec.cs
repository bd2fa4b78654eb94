namespace Nabi.Formats;

/// <summary>The bytes as they are: floats, int8, packed int4.</summary>
internal sealed class RawCodec : TensorCodec
{
    /// <inheritdoc/>
    protected override byte[] Encode(Tensor tensor) => tensor.Bytes.ToArray();

    /// <inheritdoc/>
    protected override void Decode(ReadOnlySpan<byte> payload, Tensor into)
    {
        if (payload.Length < into.Bytes.Length) throw new NabiException($"a tensor {into.Type} has only {payload.Length} bytes; the file is damaged");
        payload[..into.Bytes.Length].CopyTo(into.Bytes);
    }
}
