using System.Numerics;

namespace Nabi;

/// <summary>Element conversion between any two types.</summary>
internal static class TensorCast
{
    public static Tensor Convert(Tensor from, DType to)
    {
        if (from.DType == to) return from.Copy();
        switch (from.DType)
        {
            case DType.Bool: return Convert(Tensor.Of(from.Shape, (ReadOnlySpan<byte>)from.Bytes), to);
            case DType.BFloat16: return FromFloats(from.Shape, Widen(from.Span<BFloat16>()), to);
            case DType.Int4: return Convert(Unpack(from), to);
            default: return Numeric.Dispatch<From, Tensor>(from.DType, new From(from, to));
        }
    }

    private static Tensor FromFloats(Shape shape, float[] values, DType to)
    {
        var floats = Tensor.Of(shape, (ReadOnlySpan<float>)values);
        return to == DType.Float32 ? floats : Convert(floats, to);
    }

    private static float[] Widen(ReadOnlySpan<BFloat16> values)
    {
        var result = new float[values.Length];
        for (var i = 0; i < result.Length; i++) result[i] = (float)values[i];
        return result;
    }

    private static Tensor Unpack(Tensor packed)
    {
        var result = Tensor.Empty(DType.Int8, packed.Shape);
        var to = result.Span<sbyte>();
        for (var i = 0; i < to.Length; i++)
            to[i] = (sbyte)((sbyte)(packed.Bytes[i / 2] << (i % 2 == 0 ? 4 : 0)) >> 4);
        return result;
    }

    private readonly record struct From(Tensor Source, DType To) : INumericVisitor<Tensor>
    {
        public Tensor Visit<T>() where T : unmanaged, INumber<T>, IMinMaxValue<T>
        {
            var from = Source.Span<T>();
            switch (To)
            {
                case DType.Bool:
                {
                    var result = Tensor.Empty(DType.Bool, Source.Shape);
                    for (var i = 0; i < from.Length; i++) result.Bytes[i] = from[i] == T.Zero ? (byte)0 : (byte)1;
                    return result;
                }
                case DType.BFloat16:
                {
                    var result = Tensor.Empty(DType.BFloat16, Source.Shape);
                    var to = result.Span<BFloat16>();
                    for (var i = 0; i < from.Length; i++) to[i] = (BFloat16)float.CreateTruncating(from[i]);
                    return result;
                }
                case DType.Int4:
                {
                    var result = Tensor.Zeros(DType.Int4, Source.Shape);
                    for (var i = 0; i < from.Length; i++)
                        result.Bytes[i / 2] |= (byte)((sbyte.CreateTruncating(from[i]) & 0xF) << (i % 2 * 4));
                    return result;
                }
                default:
                    return Numeric.Dispatch<Into<T>, Tensor>(To, new Into<T>(Source));
            }
        }
    }

    private readonly record struct Into<TFrom>(Tensor Source) : INumericVisitor<Tensor>
        where TFrom : unmanaged, INumber<TFrom>
    {
        public Tensor Visit<T>() where T : unmanaged, INumber<T>, IMinMaxValue<T>
        {
            var result = Tensor.Empty(DTypes.Of<T>(), Source.Shape);
            var from = Source.Span<TFrom>();
            var to = result.Span<T>();
            for (var i = 0; i < from.Length; i++) to[i] = T.CreateTruncating(from[i]);
            return result;
        }
    }
}
