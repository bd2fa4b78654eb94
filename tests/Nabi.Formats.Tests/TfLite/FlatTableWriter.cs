using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace Nabi.Formats.Tests;

/// <summary>
/// A table to be written as FlatBuffers: fields by number. What a field refers to is written behind the table, so that all offsets lead forwards. Each table has
/// a list of places (vtable) of its own, directly before it.
/// </summary>
internal sealed class FlatTableWriter
{
    private const int VectorAlignment = 16;

    private readonly SortedDictionary<int, (byte[] Scalar, Func<FlatOutput, int>? Reference)> _fields = [];

    /// <summary>A number or flag of 1, 2, 4 or 8 bytes.</summary>
    public FlatTableWriter Number<T>(int field, T value) where T : unmanaged
    {
        _fields[field] = (MemoryMarshal.AsBytes(new ReadOnlySpan<T>(ref value)).ToArray(), null);
        return this;
    }

    /// <summary>A text.</summary>
    public FlatTableWriter Text(int field, string text) => Refer(field, output =>
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        return output.Vector([.. bytes, 0], bytes.Length, 4);
    });

    /// <summary>A vector of numbers.</summary>
    public FlatTableWriter Numbers<T>(int field, params T[] values) where T : unmanaged =>
        Refer(field, output => output.Vector(MemoryMarshal.AsBytes(values.AsSpan()).ToArray(), values.Length, Math.Max(4, Marshal.SizeOf<T>())));

    /// <summary>A vector of bytes that begins at a multiple of 16.</summary>
    public FlatTableWriter Bytes(int field, byte[] bytes) => Refer(field, output => output.Vector(bytes, bytes.Length, VectorAlignment));

    /// <summary>A table.</summary>
    public FlatTableWriter Table(int field, FlatTableWriter table) => Refer(field, table.Write);

    /// <summary>A vector of tables.</summary>
    public FlatTableWriter Tables(int field, IEnumerable<FlatTableWriter> tables)
    {
        var list = tables.ToArray();
        return Refer(field, output =>
        {
            var at = output.Vector(new byte[4 * list.Length], list.Length, 4);
            for (var i = 0; i < list.Length; i++) output.Refer(at + 4 + (4 * i), list[i].Write(output));
            return at;
        });
    }

    /// <summary>The bytes of a file whose root this table is.</summary>
    /// <param name="identifier">Four bytes that tell what file it is.</param>
    public byte[] ToFile(ReadOnlySpan<byte> identifier)
    {
        var output = new FlatOutput();
        output.Append([0, 0, 0, 0, .. identifier]);
        output.Refer(0, Write(output));
        return output.ToArray();
    }

    private FlatTableWriter Refer(int field, Func<FlatOutput, int> reference)
    {
        _fields[field] = (new byte[4], reference);
        return this;
    }

    private int Write(FlatOutput output)
    {
        var list = new byte[4 + (2 * (_fields.Count == 0 ? 0 : _fields.Keys.Last() + 1))];
        var table = new List<byte>(BitConverter.GetBytes(list.Length));
        foreach (var (field, (scalar, _)) in _fields)
        {
            while (table.Count % scalar.Length != 0) table.Add(0);
            BinaryPrimitives.WriteUInt16LittleEndian(list.AsSpan(4 + (2 * field)), checked((ushort)table.Count));
            table.AddRange(scalar);
        }
        BinaryPrimitives.WriteUInt16LittleEndian(list, checked((ushort)list.Length));
        BinaryPrimitives.WriteUInt16LittleEndian(list.AsSpan(2), checked((ushort)table.Count));
        output.Align(8, list.Length);
        output.Append(list);
        var at = output.Append([.. table]);
        foreach (var (field, (_, reference)) in _fields)
            if (reference is not null) output.Refer(at + BinaryPrimitives.ReadUInt16LittleEndian(list.AsSpan(4 + (2 * field))), reference(output));
        return at;
    }
}

/// <summary>The bytes of a FlatBuffers file while it is written.</summary>
internal sealed class FlatOutput
{
    private readonly List<byte> _bytes = [];

    /// <summary>Adds zeros until what follows after <paramref name="before"/> bytes begins at a multiple of <paramref name="alignment"/>.</summary>
    public void Align(int alignment, int before = 0)
    {
        while ((_bytes.Count + before) % alignment != 0) _bytes.Add(0);
    }

    /// <summary>Adds bytes and tells where they begin.</summary>
    public int Append(byte[] bytes)
    {
        var at = _bytes.Count;
        _bytes.AddRange(bytes);
        return at;
    }

    /// <summary>Adds a vector, its elements aligned, and tells where it begins.</summary>
    public int Vector(byte[] bytes, int count, int alignment)
    {
        Align(alignment, 4);
        var at = Append(BitConverter.GetBytes(count));
        Append(bytes);
        return at;
    }

    /// <summary>Makes the offset at <paramref name="at"/> lead to <paramref name="target"/>.</summary>
    public void Refer(int at, int target) => BinaryPrimitives.WriteInt32LittleEndian(CollectionsMarshal.AsSpan(_bytes)[at..], target - at);

    /// <summary>All bytes.</summary>
    public byte[] ToArray() => [.. _bytes];
}
