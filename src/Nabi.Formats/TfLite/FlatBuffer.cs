using System.Buffers.Binary;

namespace Nabi.Formats;

/// <summary>
/// The bytes of a FlatBuffers file. Every read is checked against its end, and what is decoded out of it is counted: offsets may overlap, so that a damaged
/// file could name the same bytes again and again and ask for far more memory than it has.
/// </summary>
internal sealed class FlatBuffer
{
    private const long LeastBudget = 8 << 20;
    private const int TimesReadable = 4;

    private readonly byte[] _bytes;
    private long _budget;

    /// <summary>Reads from bytes that must not change meanwhile.</summary>
    public FlatBuffer(byte[] bytes) => (_bytes, _budget) = (bytes, LeastBudget + ((long)TimesReadable * bytes.Length));

    /// <summary>Bytes of the file.</summary>
    public int Length => _bytes.Length;

    /// <summary>The table that holds everything, behind the offset at the beginning and the identifier.</summary>
    /// <exception cref="NabiException">The file does not begin so.</exception>
    public FlatTable Root(ReadOnlySpan<byte> identifier)
    {
        if (_bytes.Length < 8 || !_bytes.AsSpan(4, 4).SequenceEqual(identifier)) throw new NabiException("it is not a TensorFlow Lite model, or it is damaged");
        return new FlatTable(this, Target(0));
    }

    /// <summary>Where an offset that lies at <paramref name="at"/> leads: always forwards, so that no chain of them has an end.</summary>
    public int Target(int at)
    {
        var offset = BinaryPrimitives.ReadUInt32LittleEndian(Read(at, 4));
        return offset is > 0 && at + (long)offset < _bytes.Length ? at + (int)offset : throw Damaged($"an offset at byte {at} leads outside");
    }

    /// <summary>Bytes at a place.</summary>
    /// <exception cref="NabiException">They are not all there.</exception>
    public ReadOnlySpan<byte> Read(long at, long count) => at >= 0 && count >= 0 && at <= _bytes.Length - count
        ? _bytes.AsSpan((int)at, (int)count)
        : throw Damaged($"{count} bytes at {at} are outside its {_bytes.Length}");

    /// <summary>The elements of the vector at a place, <paramref name="size"/> bytes each.</summary>
    public ReadOnlySpan<byte> Vector(int at, int size)
    {
        var count = BinaryPrimitives.ReadUInt32LittleEndian(Read(at, 4));
        return Read(at + 4L, count * (long)size);
    }

    /// <summary>Counts bytes that are decoded.</summary>
    /// <exception cref="NabiException">They are several times what the file has.</exception>
    public void Spend(long bytes)
    {
        if ((_budget -= bytes) < 0) throw Damaged("it names the same bytes over and over");
    }

    private static NabiException Damaged(string what) => new($"{what}; the file is damaged");
}
