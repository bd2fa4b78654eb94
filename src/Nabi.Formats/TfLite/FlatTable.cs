using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace Nabi.Formats;

/// <summary>
/// One table of a FlatBuffers file: fields by number, each absent or where the table's list of places (its vtable) says. Unions take two numbers, the type's
/// and the table's.
/// </summary>
/// <param name="Buffer">The file.</param>
/// <param name="At">Where the table begins.</param>
internal readonly record struct FlatTable(FlatBuffer Buffer, int At)
{
    private const int LongestText = 1 << 16;

    // What the record of a table takes in memory, about.
    private const long LeastTableBytes = 64;

    /// <summary>An integer of 32 bits.</summary>
    public int Int(int field, int absent = 0) => Place(field) is { } at ? BinaryPrimitives.ReadInt32LittleEndian(Buffer.Read(at, 4)) : absent;

    /// <summary>An integer of 64 bits without sign.</summary>
    public ulong Long(int field) => Place(field) is { } at ? BinaryPrimitives.ReadUInt64LittleEndian(Buffer.Read(at, 8)) : 0;

    /// <summary>A float.</summary>
    public float Float(int field, float absent = 0) => Place(field) is { } at ? BinaryPrimitives.ReadSingleLittleEndian(Buffer.Read(at, 4)) : absent;

    /// <summary>A byte with sign: most enumerations.</summary>
    public sbyte Byte(int field, sbyte absent = 0) => Place(field) is { } at ? (sbyte)Buffer.Read(at, 1)[0] : absent;

    /// <summary>A flag.</summary>
    public bool Flag(int field) => Byte(field) != 0;

    /// <summary>A text; empty when absent.</summary>
    public string Text(int field)
    {
        if (Place(field) is not { } at) return "";
        var bytes = Buffer.Vector(Buffer.Target(at), 1);
        if (bytes.Length > LongestText) throw new NabiException($"a name of {bytes.Length} bytes; the file is damaged");
        Buffer.Spend(2L * bytes.Length);
        return Encoding.UTF8.GetString(bytes);
    }

    /// <summary>A table, or null.</summary>
    public FlatTable? Table(int field) => Place(field) is { } at ? new FlatTable(Buffer, Buffer.Target(at)) : null;

    /// <summary>The tables of a vector; none when absent.</summary>
    public FlatTable[] Tables(int field)
    {
        if (Place(field) is not { } at) return [];
        var vector = Buffer.Target(at);
        var count = Buffer.Vector(vector, 4).Length / 4;
        Buffer.Spend(count * LeastTableBytes);
        var tables = new FlatTable[count];
        for (var i = 0; i < tables.Length; i++) tables[i] = new FlatTable(Buffer, Buffer.Target(vector + 4 + (4 * i)));
        return tables;
    }

    /// <summary>Numbers; none when absent.</summary>
    public T[] Numbers<T>(int field) where T : unmanaged
    {
        if (Place(field) is not { } at) return [];
        var bytes = Buffer.Vector(Buffer.Target(at), Marshal.SizeOf<T>());
        Buffer.Spend(bytes.Length);
        return MemoryMarshal.Cast<byte, T>(bytes).ToArray();
    }

    /// <summary>Raw bytes, not copied; empty when absent.</summary>
    public ReadOnlySpan<byte> Bytes(int field) => Place(field) is { } at ? Buffer.Vector(Buffer.Target(at), 1) : [];

    // Where a field lies, or null. The list begins with its own size and that of the table, two bytes each.
    private int? Place(int field)
    {
        var list = At - (long)BinaryPrimitives.ReadInt32LittleEndian(Buffer.Read(At, 4));
        var size = BinaryPrimitives.ReadUInt16LittleEndian(Buffer.Read(list, 2));
        var slot = 4 + (2 * field);
        if (slot + 2 > size) return null;
        var place = BinaryPrimitives.ReadUInt16LittleEndian(Buffer.Read(list + slot, 2));
        return place == 0 ? null : At + place;
    }
}
