using System.Runtime.InteropServices;
using Google.Protobuf;
using Nabi.Formats.OnnxProto;
using DataType = Nabi.Formats.OnnxProto.TensorProto.Types.DataType;

namespace Nabi.Formats;

/// <summary>ONNX tensors to and from <see cref="Tensor"/>. Sizes are checked against the data there is before anything is allocated.</summary>
internal static class OnnxTensors
{
    // A sparse tensor may name a dense size far beyond its file; nothing beyond this is expanded.
    private const long MaxDenseBytes = 1L << 28;

    private static readonly (DType DType, DataType Code)[] Types =
    [
        (DType.Float32, DataType.Float), (DType.Float64, DataType.Double), (DType.Float16, DataType.Float16), (DType.BFloat16, DataType.Bfloat16),
        (DType.Int8, DataType.Int8), (DType.UInt8, DataType.Uint8), (DType.Int4, DataType.Int4), (DType.Int16, DataType.Int16),
        (DType.UInt16, DataType.Uint16), (DType.Int32, DataType.Int32), (DType.UInt32, DataType.Uint32), (DType.Int64, DataType.Int64),
        (DType.UInt64, DataType.Uint64), (DType.Bool, DataType.Bool),
    ];

    /// <summary>The element type of an ONNX code.</summary>
    /// <exception cref="NabiException">Nabi has no such element type.</exception>
    public static DType DTypeOf(int code)
    {
        foreach (var (dtype, type) in Types)
            if ((int)type == code) return dtype;
        throw new NabiException($"element type {(Enum.IsDefined((DataType)code) ? ((DataType)code).ToString() : code)} is not supported");
    }

    /// <summary>The ONNX code of an element type.</summary>
    public static int CodeOf(DType dtype)
    {
        foreach (var (type, code) in Types)
            if (type == dtype) return (int)code;
        throw new NotSupportedException($"ONNX has no element type {dtype}.");
    }

    /// <summary>Reads a tensor.</summary>
    /// <param name="proto">The tensor.</param>
    /// <param name="external">Where data outside the file is; null where there can be none.</param>
    /// <exception cref="NabiException">Declared and present data disagree.</exception>
    public static Tensor Read(TensorProto proto, ExternalData? external)
    {
        var dtype = DTypeOf(proto.DataType);
        var shape = ShapeOf(proto.Dims, proto.Name);
        var count = shape.Count;
        var bytes = dtype.Bytes(count);
        if (proto.DataLocation == TensorProto.Types.DataLocation.External)
            return (external ?? throw new NabiException($"tensor '{proto.Name}' keeps its data in another file, which is not possible here"))
                .Read(proto, dtype, shape, bytes);
        if (proto.RawData.Length > 0 || count == 0)
        {
            if (proto.RawData.Length != bytes)
                throw new NabiException($"tensor '{proto.Name}' is {dtype}{shape}, which takes {bytes} bytes, but holds {proto.RawData.Length}");
            // The message is ours alone and ends here: the tensor takes over its memory.
            var tensor = Tensor.Over(dtype, shape, MemoryMarshal.AsMemory(proto.RawData.Memory));
            if (dtype == DType.Bool) foreach (ref var b in tensor.Bytes) b = b == 0 ? (byte)0 : (byte)1;
            return tensor;
        }
        return FromFields(proto, dtype, shape);
    }

    /// <summary>Reads a sparse tensor as a dense one.</summary>
    public static Tensor Read(SparseTensorProto proto)
    {
        var name = proto.Values?.Name ?? "";
        if (proto.Values is null || proto.Indices is null) throw new NabiException("a sparse tensor lacks its values or indices");
        var values = Read(proto.Values, null);
        var indices = Read(proto.Indices, null);
        var shape = ShapeOf(proto.Dims, name);
        if (values.DType.Bits() < 8 || values.DType.Bytes(shape.Count) > MaxDenseBytes)
            throw new NabiException($"sparse tensor '{name}' of shape {shape} is too large to expand; store it dense");
        var perIndex = indices.Shape.Rank == 2 ? indices.Shape[1] : 1;
        if (indices.DType != DType.Int64 || indices.Count != (long)values.Count * perIndex || (perIndex != 1 && perIndex != shape.Rank))
            throw new NabiException($"the indices of sparse tensor '{name}' do not fit its {values.Count} values");
        var dense = Tensor.Zeros(values.DType, shape);
        var strides = perIndex == 1 && shape.Rank != 1 ? [1] : shape.Strides();
        var at = indices.Span<long>();
        var size = values.DType.Bits() / 8;
        for (var i = 0; i < values.Count; i++)
        {
            long offset = 0;
            for (var axis = 0; axis < perIndex; axis++)
            {
                var index = at[i * perIndex + axis];
                if (index < 0 || index >= shape.Count) throw new NabiException($"index {index} of sparse tensor '{name}' is outside shape {shape}");
                offset += index * strides[axis];
            }
            if (offset >= shape.Count) throw new NabiException($"an index of sparse tensor '{name}' is outside shape {shape}");
            values.Bytes.Slice(i * size, size).CopyTo(dense.Bytes.Slice((int)offset * size, size));
        }
        return dense;
    }

    /// <summary>Writes a tensor with its data inside.</summary>
    public static TensorProto Write(Tensor tensor, string name)
    {
        var proto = Header(tensor, name);
        proto.RawData = ByteString.CopyFrom(tensor.Bytes);
        return proto;
    }

    /// <summary>Writes a tensor's name, type and dimensions only.</summary>
    public static TensorProto Header(Tensor tensor, string name)
    {
        var proto = new TensorProto { Name = name, DataType = CodeOf(tensor.DType) };
        foreach (var dim in tensor.Shape.Dims) proto.Dims.Add(dim);
        return proto;
    }

    private static Shape ShapeOf(IReadOnlyCollection<long> dims, string name)
    {
        if (dims.Any(d => d < 0)) throw new NabiException($"tensor '{name}' has a negative dimension");
        try
        {
            return Shape.From(dims.ToArray());
        }
        catch (NabiException e)
        {
            throw new NabiException($"tensor '{name}' claims [{string.Join(", ", dims)}]: {e.Message.TrimEnd('.')}", e);
        }
    }

    // The typed fields: narrow integers and 16-bit floats travel in int32_data, unsigned ones in uint64_data.
    private static Tensor FromFields(TensorProto proto, DType dtype, Shape shape)
    {
        switch (dtype)
        {
            case DType.Float32: return Exactly<float>(proto, shape, proto.FloatData);
            case DType.Float64: return Exactly<double>(proto, shape, proto.DoubleData);
            case DType.Int32: return Exactly<int>(proto, shape, proto.Int32Data);
            case DType.Int64: return Exactly<long>(proto, shape, proto.Int64Data);
            case DType.UInt64: return Exactly<ulong>(proto, shape, proto.Uint64Data);
            case DType.UInt32: return Exactly<ulong>(proto, shape, proto.Uint64Data).Cast(DType.UInt32);
            case DType.Int4:
                if (proto.Int32Data.Count != (shape.Count + 1) / 2) throw Mismatch(proto, shape.Count, proto.Int32Data.Count);
                return Tensor.Over(dtype, shape, proto.Int32Data.Select(i => unchecked((byte)i)).ToArray());
            case DType.Float16 or DType.BFloat16:
                var bits = Exactly<int>(proto, shape, proto.Int32Data).Cast(DType.UInt16);
                return Tensor.Over(dtype, shape, bits.Memory);
            default: return Exactly<int>(proto, shape, proto.Int32Data).Cast(dtype);
        }
    }

    private static Tensor Exactly<T>(TensorProto proto, Shape shape, IReadOnlyCollection<T> values) where T : unmanaged
    {
        if (values.Count != shape.Count) throw Mismatch(proto, shape.Count, values.Count);
        return Tensor.Of(shape, values.ToArray());
    }

    private static NabiException Mismatch(TensorProto proto, int wanted, int found) =>
        new($"tensor '{proto.Name}' declares {wanted} elements but holds {found}");
}
