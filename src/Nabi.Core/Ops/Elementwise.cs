using System.Numerics;
using System.Runtime.InteropServices;

namespace Nabi.Ops;

/// <summary>An element function over any number type.</summary>
internal interface IUnaryMap
{
    T Invoke<T>(T x) where T : unmanaged, INumber<T>, IMinMaxValue<T>;
}

/// <summary>An element function over floating-point types.</summary>
internal interface IFloatMap
{
    T Invoke<T>(T x) where T : unmanaged, IFloatingPointIeee754<T>, IMinMaxValue<T>;
}

/// <summary>A function of two elements of any number type.</summary>
internal interface IBinaryMap
{
    T Invoke<T>(T a, T b) where T : unmanaged, INumber<T>, IMinMaxValue<T>;
}

/// <summary>A function of two integers.</summary>
internal interface IBitMap
{
    T Invoke<T>(T a, T b) where T : unmanaged, IBinaryInteger<T>;
}

/// <summary>A yes-or-no question about one floating-point element.</summary>
internal interface IFloatQuestion
{
    bool Invoke<T>(T x) where T : unmanaged, IFloatingPointIeee754<T>;
}

/// <summary>A yes-or-no question about two elements.</summary>
internal interface IComparison
{
    bool Invoke<T>(T a, T b) where T : unmanaged, INumber<T>;
}

/// <summary>
/// The drivers of the elementwise operators' reference evaluation: the loop, broadcasting and element types are here once,
/// an operator brings its function as a struct.
/// </summary>
internal static class Elementwise
{
    public static Tensor Unary<TMap>(Tensor x, TMap map) where TMap : struct, IUnaryMap =>
        ThroughFloat(x, t => Numeric.Dispatch<UnaryVisitor<TMap>, Tensor>(t.DType, new UnaryVisitor<TMap>(t, map)));

    public static Tensor UnaryFloat<TMap>(Tensor x, TMap map) where TMap : struct, IFloatMap =>
        ThroughFloat(x, t => Numeric.DispatchFloat<FloatVisitor<TMap>, Tensor>(t.DType, new FloatVisitor<TMap>(t, map)));

    public static Tensor Binary<TMap>(Tensor a, Tensor b, TMap map) where TMap : struct, IBinaryMap
    {
        if (a.DType == DType.BFloat16) return Binary(a.Cast(DType.Float32), b.Cast(DType.Float32), map).Cast(DType.BFloat16);
        return Numeric.Dispatch<BinaryVisitor<TMap>, Tensor>(a.DType, new BinaryVisitor<TMap>(a, b, map));
    }

    public static Tensor Compare<TMap>(Tensor a, Tensor b, TMap map) where TMap : struct, IComparison
    {
        if (a.DType == DType.BFloat16) return Compare(a.Cast(DType.Float32), b.Cast(DType.Float32), map);
        return Numeric.Dispatch<CompareVisitor<TMap>, Tensor>(a.DType, new CompareVisitor<TMap>(a, b, map));
    }

    public static Tensor Bits<TMap>(Tensor a, Tensor b, TMap map) where TMap : struct, IBitMap =>
        Numeric.DispatchInteger<BitVisitor<TMap>, Tensor>(a.DType, new BitVisitor<TMap>(a, b, map));

    public static Tensor Ask<TMap>(Tensor x, TMap map) where TMap : struct, IFloatQuestion
    {
        if (x.DType == DType.BFloat16) return Ask(x.Cast(DType.Float32), map);
        return Numeric.DispatchFloat<QuestionVisitor<TMap>, Tensor>(x.DType, new QuestionVisitor<TMap>(x, map));
    }

    /// <summary>Elements of any type of at least a byte: <paramref name="a"/> where the condition holds, else <paramref name="b"/>.</summary>
    public static Tensor Select(Tensor condition, Tensor a, Tensor b)
    {
        var result = Tensor.Empty(a.DType, Shape.Broadcast(condition.Shape, Shape.Broadcast(a.Shape, b.Shape)));
        var atCondition = BroadcastOffsets(condition.Shape, result.Shape);
        var (atA, atB) = (BroadcastOffsets(a.Shape, result.Shape), BroadcastOffsets(b.Shape, result.Shape));
        var size = a.DType.Bits() / 8;
        for (var i = 0; i < atCondition.Length; i++)
        {
            var from = condition.Bytes[atCondition[i]] != 0 ? a.Bytes.Slice(atA[i] * size, size) : b.Bytes.Slice(atB[i] * size, size);
            from.CopyTo(result.Bytes.Slice(i * size, size));
        }
        return result;
    }

    /// <summary>For every element of the broadcast shape, the offset of the element it reads in a tensor of shape <paramref name="from"/>.</summary>
    public static int[] BroadcastOffsets(Shape from, Shape to)
    {
        var strides = new int[to.Rank];
        var own = from.Strides();
        for (var i = 1; i <= from.Rank; i++)
            strides[^i] = from[from.Rank - i] == 1 ? 0 : own[^i];
        var offsets = new int[to.Count];
        var index = new int[to.Rank];
        for (int n = 0, offset = 0; n < offsets.Length; n++)
        {
            offsets[n] = offset;
            for (var axis = to.Rank - 1; axis >= 0; axis--)
            {
                offset += strides[axis];
                if (++index[axis] < to[axis]) break;
                offset -= strides[axis] * to[axis];
                index[axis] = 0;
            }
        }
        return offsets;
    }

    // Functions of 16-bit floats are computed in Float32 and rounded once.
    private static Tensor ThroughFloat(Tensor x, Func<Tensor, Tensor> function) =>
        x.DType is DType.BFloat16 or DType.Float16 ? function(x.Cast(DType.Float32)).Cast(x.DType) : function(x);

    private readonly record struct UnaryVisitor<TMap>(Tensor X, TMap Map) : INumericVisitor<Tensor> where TMap : struct, IUnaryMap
    {
        public Tensor Visit<T>() where T : unmanaged, INumber<T>, IMinMaxValue<T>
        {
            var result = Tensor.Empty(X.DType, X.Shape);
            var x = MemoryMarshal.Cast<byte, T>(X.Bytes);
            var y = MemoryMarshal.Cast<byte, T>(result.Bytes);
            for (var i = 0; i < x.Length; i++) y[i] = Map.Invoke(x[i]);
            return result;
        }
    }

    private readonly record struct FloatVisitor<TMap>(Tensor X, TMap Map) : IFloatVisitor<Tensor> where TMap : struct, IFloatMap
    {
        public Tensor Visit<T>() where T : unmanaged, IFloatingPointIeee754<T>, IMinMaxValue<T>
        {
            var result = Tensor.Empty(X.DType, X.Shape);
            var x = X.Span<T>();
            var y = result.Span<T>();
            for (var i = 0; i < x.Length; i++) y[i] = Map.Invoke(x[i]);
            return result;
        }
    }

    private readonly record struct BinaryVisitor<TMap>(Tensor A, Tensor B, TMap Map) : INumericVisitor<Tensor> where TMap : struct, IBinaryMap
    {
        public Tensor Visit<T>() where T : unmanaged, INumber<T>, IMinMaxValue<T>
        {
            var result = Tensor.Empty(A.DType, Shape.Broadcast(A.Shape, B.Shape));
            var a = MemoryMarshal.Cast<byte, T>(A.Bytes);
            var b = MemoryMarshal.Cast<byte, T>(B.Bytes);
            var y = MemoryMarshal.Cast<byte, T>(result.Bytes);
            if (A.Shape.Equals(B.Shape))
            {
                for (var i = 0; i < y.Length; i++) y[i] = Map.Invoke(a[i], b[i]);
                return result;
            }
            var atA = BroadcastOffsets(A.Shape, result.Shape);
            var atB = BroadcastOffsets(B.Shape, result.Shape);
            for (var i = 0; i < y.Length; i++) y[i] = Map.Invoke(a[atA[i]], b[atB[i]]);
            return result;
        }
    }

    private readonly record struct BitVisitor<TMap>(Tensor A, Tensor B, TMap Map) : IIntegerVisitor<Tensor> where TMap : struct, IBitMap
    {
        public Tensor Visit<T>() where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
        {
            var result = Tensor.Empty(A.DType, Shape.Broadcast(A.Shape, B.Shape));
            var a = MemoryMarshal.Cast<byte, T>(A.Bytes);
            var b = MemoryMarshal.Cast<byte, T>(B.Bytes);
            var y = MemoryMarshal.Cast<byte, T>(result.Bytes);
            var atA = BroadcastOffsets(A.Shape, result.Shape);
            var atB = BroadcastOffsets(B.Shape, result.Shape);
            for (var i = 0; i < y.Length; i++) y[i] = Map.Invoke(a[atA[i]], b[atB[i]]);
            return result;
        }
    }

    private readonly record struct QuestionVisitor<TMap>(Tensor X, TMap Map) : IFloatVisitor<Tensor> where TMap : struct, IFloatQuestion
    {
        public Tensor Visit<T>() where T : unmanaged, IFloatingPointIeee754<T>, IMinMaxValue<T>
        {
            var result = Tensor.Empty(DType.Bool, X.Shape);
            var x = X.Span<T>();
            for (var i = 0; i < x.Length; i++) result.Bytes[i] = Map.Invoke(x[i]) ? (byte)1 : (byte)0;
            return result;
        }
    }

    private readonly record struct CompareVisitor<TMap>(Tensor A, Tensor B, TMap Map) : INumericVisitor<Tensor> where TMap : struct, IComparison
    {
        public Tensor Visit<T>() where T : unmanaged, INumber<T>, IMinMaxValue<T>
        {
            var result = Tensor.Empty(DType.Bool, Shape.Broadcast(A.Shape, B.Shape));
            var a = MemoryMarshal.Cast<byte, T>(A.Bytes);
            var b = MemoryMarshal.Cast<byte, T>(B.Bytes);
            var atA = BroadcastOffsets(A.Shape, result.Shape);
            var atB = BroadcastOffsets(B.Shape, result.Shape);
            for (var i = 0; i < atA.Length; i++) result.Bytes[i] = Map.Invoke(a[atA[i]], b[atB[i]]) ? (byte)1 : (byte)0;
            return result;
        }
    }
}
