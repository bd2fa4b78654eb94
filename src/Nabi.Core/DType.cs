namespace Nabi;

/// <summary>Element type of a tensor.</summary>
public enum DType
{
    /// <summary>32-bit IEEE 754.</summary>
    Float32,
    /// <summary>64-bit IEEE 754.</summary>
    Float64,
    /// <summary>16-bit IEEE 754 (<see cref="Half"/>).</summary>
    Float16,
    /// <summary>16-bit truncated float: 8 exponent bits, 7 fraction bits (<see cref="Nabi.BFloat16"/>).</summary>
    BFloat16,
    /// <summary>Signed byte.</summary>
    Int8,
    /// <summary>Unsigned byte.</summary>
    UInt8,
    /// <summary>Signed 4-bit, two to a byte, low half first.</summary>
    Int4,
    /// <summary>Signed 16-bit.</summary>
    Int16,
    /// <summary>Unsigned 16-bit.</summary>
    UInt16,
    /// <summary>Signed 32-bit.</summary>
    Int32,
    /// <summary>Unsigned 32-bit.</summary>
    UInt32,
    /// <summary>Signed 64-bit.</summary>
    Int64,
    /// <summary>Unsigned 64-bit.</summary>
    UInt64,
    /// <summary>One byte, 0 or 1.</summary>
    Bool,
}

/// <summary>Facts about <see cref="DType"/> and the bridge to CLR element types.</summary>
public static class DTypes
{
    /// <summary>Bits of one element: 4 for <see cref="DType.Int4"/>, otherwise a multiple of 8.</summary>
    public static int Bits(this DType type) => type switch
    {
        DType.Int4 => 4,
        DType.Int8 or DType.UInt8 or DType.Bool => 8,
        DType.Float16 or DType.BFloat16 or DType.Int16 or DType.UInt16 => 16,
        DType.Float32 or DType.Int32 or DType.UInt32 => 32,
        _ => 64,
    };

    /// <summary>Bytes that <paramref name="count"/> elements take in memory.</summary>
    public static long Bytes(this DType type, long count) => (checked(count * type.Bits()) + 7) / 8;

    /// <summary>Is it one of the floating-point types?</summary>
    public static bool IsFloat(this DType type) =>
        type is DType.Float32 or DType.Float64 or DType.Float16 or DType.BFloat16;

    /// <summary>Is it one of the integer types (not <see cref="DType.Bool"/>)?</summary>
    public static bool IsInteger(this DType type) => !type.IsFloat() && type != DType.Bool;

    /// <summary>The element type stored as CLR type <typeparamref name="T"/>.</summary>
    /// <exception cref="NotSupportedException">No element type is stored as <typeparamref name="T"/>.</exception>
    public static DType Of<T>() where T : unmanaged =>
        typeof(T) == typeof(float) ? DType.Float32
        : typeof(T) == typeof(double) ? DType.Float64
        : typeof(T) == typeof(Half) ? DType.Float16
        : typeof(T) == typeof(BFloat16) ? DType.BFloat16
        : typeof(T) == typeof(sbyte) ? DType.Int8
        : typeof(T) == typeof(byte) ? DType.UInt8
        : typeof(T) == typeof(short) ? DType.Int16
        : typeof(T) == typeof(ushort) ? DType.UInt16
        : typeof(T) == typeof(int) ? DType.Int32
        : typeof(T) == typeof(uint) ? DType.UInt32
        : typeof(T) == typeof(long) ? DType.Int64
        : typeof(T) == typeof(ulong) ? DType.UInt64
        : typeof(T) == typeof(bool) ? DType.Bool
        : throw new NotSupportedException($"No element type is stored as {typeof(T).Name}.");
}
