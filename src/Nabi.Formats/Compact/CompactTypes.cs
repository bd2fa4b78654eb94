namespace Nabi.Formats;

/// <summary>Types in .nabi files. The codes of element types are those of <see cref="DType"/> in version 1 and never change.</summary>
internal static class CompactTypes
{
    /// <summary>The element type of a code.</summary>
    public static DType DTypeOf(byte code) => code <= (byte)DType.Bool
        ? (DType)code
        : throw new NabiException($"element type {code} is not known; a newer Nabi wrote the file");

    /// <summary>Appends a type: its rank plus one (0 when not known) and its dimensions (-1 when not known).</summary>
    public static void Write(TensorType type, ByteWriter writer)
    {
        writer.Byte((byte)type.DType);
        writer.Count(type.Shape.IsRanked ? type.Shape.Rank + 1 : 0);
        foreach (var dim in type.Shape.Dims) writer.Signed(dim);
    }

    /// <summary>Reads a type.</summary>
    public static TensorType Read(ref ByteReader reader)
    {
        var dtype = DTypeOf(reader.Byte());
        var rank = reader.Count(0) - 1;
        if (rank < 0) return TensorType.Unranked(dtype);
        if (rank > reader.Remaining) throw new NabiException("a shape is damaged");
        var dims = new long[rank];
        for (var i = 0; i < dims.Length; i++) dims[i] = reader.Signed();
        return new TensorType(dtype, Shape.From(dims));
    }
}
