using System.Runtime.InteropServices;

namespace Nabi.Formats;

/// <summary>
/// Where the zeros are, and the other elements: for pruned weights. The positions are alternating lengths of runs of zeros and of
/// others when that is shorter (pruned channels), otherwise one bit an element (scattered zeros).
/// </summary>
internal sealed class SparseCodec : TensorCodec
{
    private const byte Runs = 0, Bits = 1;

    /// <inheritdoc/>
    protected override byte[]? Encode(Tensor tensor)
    {
        if (Split(tensor) is not var (positions, values)) return null;
        var writer = new ByteWriter();
        writer.Count(positions.Length);
        writer.Bytes(positions);
        writer.Bytes(values);
        return writer.Written.ToArray();
    }

    /// <inheritdoc/>
    protected override void Decode(ReadOnlySpan<byte> payload, Tensor into)
    {
        var reader = new ByteReader(payload);
        var positions = reader.Bytes(reader.Count());
        Join(positions, reader.Bytes(reader.Remaining), into);
    }

    /// <summary>Positions and values of a tensor; null when it is packed below bytes or has too few zeros to bother.</summary>
    public static (byte[] Positions, byte[] Values)? Split(Tensor tensor)
    {
        if (tensor.DType.Bits() < 8 || Zeros(tensor) <= tensor.Count / 16) return null;
        var size = tensor.DType.Bits() / 8;
        var runs = new ByteWriter();
        var bits = new byte[(tensor.Count + 7) / 8];
        var values = new ByteWriter();
        runs.Byte(Runs);
        for (int i = 0, start = 0; i < tensor.Count; start = i)
        {
            while (i < tensor.Count && IsZero(tensor, i, size)) i++;
            runs.Count(i - start);
            start = i;
            for (; i < tensor.Count && !IsZero(tensor, i, size); i++) bits[i / 8] |= (byte)(1 << (i % 8));
            runs.Count(i - start);
            values.Bytes(tensor.Bytes[(start * size)..(i * size)]);
        }
        return (runs.Written.Length <= bits.Length ? runs.Written.ToArray() : [Bits, .. bits], values.Written.ToArray());
    }

    /// <summary>Puts values at their positions in a tensor of zeros.</summary>
    public static void Join(ReadOnlySpan<byte> positions, ReadOnlySpan<byte> values, Tensor into)
    {
        if (into.DType.Bits() < 8 || positions.IsEmpty) throw Damaged();
        var size = into.DType.Bits() / 8;
        if (positions[0] == Bits)
        {
            if (positions.Length < 1 + (into.Count + 7) / 8) throw Damaged();
            for (var i = 0; i < into.Count; i++)
                if ((positions[1 + i / 8] >> (i % 8) & 1) != 0) values = Copied(values, into.Bytes.Slice(i * size, size));
            return;
        }
        var reader = new ByteReader(positions[1..]);
        for (long at = 0; at < into.Count;)
        {
            at += reader.Count(0);
            var others = reader.Count(0);
            if (at + others > into.Count) throw Damaged();
            values = Copied(values, into.Bytes.Slice((int)at * size, others * size));
            at += others;
        }
    }

    private static int Zeros(Tensor tensor) => tensor.DType.Bits() switch
    {
        8 => tensor.Bytes.Count((byte)0),
        16 => MemoryMarshal.Cast<byte, ushort>(tensor.Bytes).Count((ushort)0),
        32 => MemoryMarshal.Cast<byte, uint>(tensor.Bytes).Count(0u),
        _ => MemoryMarshal.Cast<byte, ulong>(tensor.Bytes).Count(0ul),
    };

    /// <summary>Are all bytes of an element zero?</summary>
    public static bool IsZero(Tensor tensor, int index, int size) => !tensor.Bytes.Slice(index * size, size).ContainsAnyExcept((byte)0);

    private static ReadOnlySpan<byte> Copied(ReadOnlySpan<byte> values, Span<byte> to)
    {
        if (to.Length > values.Length) throw Damaged();
        values[..to.Length].CopyTo(to);
        return values[to.Length..];
    }

    private static NabiException Damaged() => new("the positions of a sparse tensor are damaged");
}
