using System.Numerics;

namespace Nabi;

/// <summary>Code that is generic over the element type, entered through <see cref="Numeric.Dispatch"/>.</summary>
internal interface INumericVisitor<out TResult>
{
    TResult Visit<T>() where T : unmanaged, INumber<T>, IMinMaxValue<T>;
}

/// <summary>Code that is generic over IEEE 754 types, entered through <see cref="Numeric.DispatchFloat"/>.</summary>
internal interface IFloatVisitor<out TResult>
{
    TResult Visit<T>() where T : unmanaged, IFloatingPointIeee754<T>, IMinMaxValue<T>;
}

/// <summary>Code that is generic over integer types, entered through <see cref="Numeric.DispatchInteger"/>.</summary>
internal interface IIntegerVisitor<out TResult>
{
    TResult Visit<T>() where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>;
}

/// <summary>The one place that goes from <see cref="DType"/> to a CLR type argument.</summary>
internal static class Numeric
{
    /// <summary>Is <typeparamref name="T"/> a type of whole numbers? A constant to the JIT.</summary>
    public static bool IsInteger<T>() where T : unmanaged, INumber<T> => T.One / (T.One + T.One) == T.Zero;

    public static TResult Dispatch<TVisitor, TResult>(DType dtype, TVisitor visitor) where TVisitor : INumericVisitor<TResult> => dtype switch
    {
        DType.Float32 => visitor.Visit<float>(),
        DType.Float64 => visitor.Visit<double>(),
        DType.Float16 => visitor.Visit<Half>(),
        DType.Int8 => visitor.Visit<sbyte>(),
        DType.UInt8 or DType.Bool => visitor.Visit<byte>(),
        DType.Int16 => visitor.Visit<short>(),
        DType.UInt16 => visitor.Visit<ushort>(),
        DType.Int32 => visitor.Visit<int>(),
        DType.UInt32 => visitor.Visit<uint>(),
        DType.Int64 => visitor.Visit<long>(),
        DType.UInt64 => visitor.Visit<ulong>(),
        _ => throw new NabiException($"Element type {dtype} is not supported here; cast to Float32 first."),
    };

    public static TResult DispatchFloat<TVisitor, TResult>(DType dtype, TVisitor visitor) where TVisitor : IFloatVisitor<TResult> => dtype switch
    {
        DType.Float32 => visitor.Visit<float>(),
        DType.Float64 => visitor.Visit<double>(),
        DType.Float16 => visitor.Visit<Half>(),
        _ => throw new NabiException($"Element type {dtype} is not a supported floating-point type here; cast to Float32 first."),
    };

    public static TResult DispatchInteger<TVisitor, TResult>(DType dtype, TVisitor visitor) where TVisitor : IIntegerVisitor<TResult> => dtype switch
    {
        DType.Int8 => visitor.Visit<sbyte>(),
        DType.UInt8 or DType.Bool => visitor.Visit<byte>(),
        DType.Int16 => visitor.Visit<short>(),
        DType.UInt16 => visitor.Visit<ushort>(),
        DType.Int32 => visitor.Visit<int>(),
        DType.UInt32 => visitor.Visit<uint>(),
        DType.Int64 => visitor.Visit<long>(),
        DType.UInt64 => visitor.Visit<ulong>(),
        _ => throw new NabiException($"Element type {dtype} is not an integer type, which is needed here."),
    };
}
