namespace Nabi.Formats;

/// <summary>One way to store the bytes of a tensor. Lossless; the smallest of all is chosen per tensor.</summary>
internal abstract class TensorCodec
{
    // What a payload may at most grow into, so that a small damaged file cannot ask for all memory.
    private const int MaxGrowth = 1024;
    private const int Allowance = 64;

    /// <summary>The codecs; the position is the code in the file.</summary>
    public static readonly TensorCodec[] All = [new RawCodec(), new SparseCodec(), new EntropyCodec(), new SparseEntropyCodec(), new PaletteCodec(), new MaskedCodec()];

    /// <summary>The tensor's payload; null when the codec is not for such tensors.</summary>
    protected abstract byte[]? Encode(Tensor tensor);

    /// <summary>Fills a tensor from a payload.</summary>
    /// <exception cref="NabiException">The payload is damaged.</exception>
    protected abstract void Decode(ReadOnlySpan<byte> payload, Tensor into);

    /// <summary>Appends a tensor: element type, dimensions, codec, payload.</summary>
    public static void Write(Tensor tensor, ByteWriter writer)
    {
        var (best, payload) = (0, Array.Empty<byte>());
        for (var code = 0; code < All.Length; code++)
        {
            if (All[code].Encode(tensor) is not { } candidate) continue;
            var padded = Math.Max(candidate.Length, tensor.Bytes.Length / MaxGrowth - Allowance);
            if (code > 0 && padded >= payload.Length) continue;
            if (padded > candidate.Length) Array.Resize(ref candidate, padded);
            (best, payload) = (code, candidate);
        }
        writer.Byte((byte)tensor.DType);
        writer.Count(tensor.Shape.Rank);
        foreach (var dim in tensor.Shape.Dims) writer.Count(dim);
        writer.Byte((byte)best);
        writer.Count(payload.Length);
        writer.Bytes(payload);
    }

    /// <summary>Reads a tensor.</summary>
    /// <exception cref="NabiException">It is damaged, or claims to be larger than its payload can be.</exception>
    public static Tensor Read(ref ByteReader reader)
    {
        var dtype = CompactTypes.DTypeOf(reader.Byte());
        var dims = new int[reader.Count()];
        for (var i = 0; i < dims.Length; i++) dims[i] = reader.Count(0);
        var shape = Shape.Create(dims);
        var code = reader.Byte();
        var payload = reader.Bytes(reader.Count());
        if (code >= All.Length) throw new NabiException($"tensor codec {code} is not known; a newer Nabi wrote the file");
        var bytes = dtype.Bytes(shape.Count);
        if (bytes > (payload.Length + (long)Allowance) * MaxGrowth + MaxGrowth)
            throw new NabiException($"a tensor {dtype}{shape} cannot come from {payload.Length} bytes; the file is damaged");
        var tensor = Tensor.Zeros(dtype, shape);
        All[code].Decode(payload, tensor);
        return tensor;
    }
}
