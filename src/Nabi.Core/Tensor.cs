using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace Nabi;

/// <summary>
/// Shape, element type and contiguous row-major memory. The elements can be changed through <see cref="Span{T}()"/>;
/// who shares a tensor decides who writes (parameters are written by training only).
/// </summary>
public sealed class Tensor
{
    private readonly Memory<byte> _bytes;

    private Tensor(DType dtype, Shape shape, Memory<byte> bytes)
    {
        DType = dtype;
        Shape = shape;
        _bytes = bytes;
    }

    /// <summary>Element type.</summary>
    public DType DType { get; }

    /// <summary>Shape; every dimension is known.</summary>
    public Shape Shape { get; }

    /// <summary>Element type and shape together.</summary>
    public TensorType Type => new(DType, Shape);

    /// <summary>Number of elements.</summary>
    public int Count => Shape.Count;

    /// <summary>The raw bytes, little-endian; <see cref="DType.Int4"/> is packed two to a byte, low half first.</summary>
    public Span<byte> Bytes => _bytes.Span;

    /// <summary>A tensor of zeros.</summary>
    public static Tensor Zeros(DType dtype, Shape shape) => new(dtype, shape, new byte[ByteCount(dtype, shape)]);

    /// <summary>A tensor whose elements are not initialised: write all of them.</summary>
    public static Tensor Empty(DType dtype, Shape shape) =>
        new(dtype, shape, GC.AllocateUninitializedArray<byte>(ByteCount(dtype, shape)));

    /// <summary>A tensor over existing memory, for example a slice of an arena. Nothing is copied.</summary>
    /// <exception cref="ArgumentException">The memory has not exactly the bytes the type needs.</exception>
    public static Tensor Over(DType dtype, Shape shape, Memory<byte> bytes) => bytes.Length == ByteCount(dtype, shape)
        ? new Tensor(dtype, shape, bytes)
        : throw new ArgumentException($"{dtype}{shape} needs {ByteCount(dtype, shape)} bytes, not {bytes.Length}.", nameof(bytes));

    /// <summary>A tensor with a copy of <paramref name="values"/>, which are in row-major order.</summary>
    /// <exception cref="ArgumentException">There are not exactly as many values as the shape has elements.</exception>
    public static Tensor Of<T>(Shape shape, ReadOnlySpan<T> values) where T : unmanaged
    {
        if (values.Length != shape.Count)
            throw new ArgumentException($"Shape {shape} has {shape.Count} elements, but {values.Length} values were given.", nameof(values));
        var tensor = Empty(DTypes.Of<T>(), shape);
        values.CopyTo(tensor.Span<T>());
        return tensor;
    }

    /// <inheritdoc cref="Of{T}(Shape, ReadOnlySpan{T})"/>
    public static Tensor Of<T>(Shape shape, params T[] values) where T : unmanaged => Of(shape, (ReadOnlySpan<T>)values);

    /// <summary>A tensor of rank 0.</summary>
    public static Tensor Scalar<T>(T value) where T : unmanaged => Of(Shape.Scalar, [value]);

    /// <summary>A tensor of rank 1.</summary>
    public static Tensor Vector<T>(params ReadOnlySpan<T> values) where T : unmanaged => Of([values.Length], values);

    /// <summary>A tensor with every element <paramref name="value"/>.</summary>
    public static Tensor Full<T>(Shape shape, T value) where T : unmanaged
    {
        var tensor = Empty(DTypes.Of<T>(), shape);
        tensor.Span<T>().Fill(value);
        return tensor;
    }

    /// <summary>A copy of a <see cref="System.Numerics.Tensors.Tensor{T}"/> or any span of one.</summary>
    public static Tensor From<T>(in ReadOnlyTensorSpan<T> values) where T : unmanaged
    {
        var dims = new int[values.Lengths.Length];
        for (var i = 0; i < dims.Length; i++) dims[i] = checked((int)values.Lengths[i]);
        var tensor = Empty(DTypes.Of<T>(), dims.Length == 0 ? Shape.Scalar : Shape.Create(dims));
        values.FlattenTo(tensor.Span<T>());
        return tensor;
    }

    /// <summary>A copy as a <see cref="System.Numerics.Tensors.Tensor{T}"/>.</summary>
    public System.Numerics.Tensors.Tensor<T> ToTensor<T>() where T : unmanaged
    {
        var lengths = Array.ConvertAll(Shape.Dims.ToArray(), d => (nint)d);
        return System.Numerics.Tensors.Tensor.Create(Span<T>().ToArray(), lengths);
    }

    /// <summary>The elements. <typeparamref name="T"/> must be the CLR type of <see cref="DType"/>.</summary>
    /// <exception cref="InvalidOperationException">It is another type.</exception>
    public Span<T> Span<T>() where T : unmanaged => DTypes.Of<T>() == DType
        ? MemoryMarshal.Cast<byte, T>(_bytes.Span)
        : throw new InvalidOperationException($"A tensor of {DType} was read as {typeof(T).Name}.");

    /// <summary>The memory under the tensor, for those who pin it.</summary>
    public Memory<byte> Memory => _bytes;

    /// <summary>The only element of a one-element tensor, converted to <see cref="double"/>.</summary>
    /// <exception cref="NabiException">There are several elements, or none.</exception>
    public double Item() => Count == 1
        ? Cast(DType.Float64).Span<double>()[0]
        : throw new NabiException($"A single number is needed here, but the tensor has the shape {Shape}.");

    /// <summary>The same memory under another shape with as many elements.</summary>
    public Tensor Reshape(Shape shape) => shape.Count == Count
        ? new Tensor(DType, shape, _bytes)
        : throw new ArgumentException($"{Shape} cannot be seen as {shape}: {Count} elements against {shape.Count}.", nameof(shape));

    /// <summary>A deep copy.</summary>
    public Tensor Copy() => new(DType, Shape, _bytes.ToArray());

    /// <summary>
    /// Converts the elements as C# does: floats to integers truncate toward zero and saturate at the limits, anything to bool is
    /// "not zero", integers to narrower ones wrap. The same tensor when it already has the type.
    /// </summary>
    public Tensor Cast(DType to) => to == DType ? this : TensorCast.Convert(this, to);

    /// <summary>Integer elements as 64-bit numbers, for example a shape or a list of axes.</summary>
    public long[] ToInt64() => Cast(DType.Int64).Span<long>().ToArray();

    /// <summary>Elements as <see cref="float"/>.</summary>
    public float[] ToSingle() => Cast(DType.Float32).Span<float>().ToArray();

    /// <summary>Type and the first elements, for messages and the debugger.</summary>
    public override string ToString()
    {
        if (Count == 0) return $"{Type} {{}}";
        var shown = TensorCast.Convert(Reshape([Count]), DType.Float64).Span<double>();
        return $"{Type} {{{string.Join(", ", shown[..Math.Min(8, Count)].ToArray())}{(Count > 8 ? ", ..." : "")}}}";
    }

    private static int ByteCount(DType dtype, Shape shape)
    {
        var bytes = dtype.Bytes(shape.Count);
        return bytes <= Array.MaxLength ? (int)bytes : throw new NabiException($"A tensor {dtype}{shape} of {bytes} bytes is larger than the 2 GB supported.");
    }
}
