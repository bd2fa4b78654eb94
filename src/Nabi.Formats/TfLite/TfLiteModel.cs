namespace Nabi.Formats;

/// <summary>
/// What a TensorFlow Lite file says, field by field (<c>schema.fbs</c>, schema 3 with the extensions 3a to 3c): the main subgraph, whose tensors and operators
/// are checked against each other here, so that indices can be trusted afterwards.
/// </summary>
internal sealed class TfLiteModel
{
    private const int Schema = 3;

    // Codes from 127 on stand in a wider field; the old one then holds this number.
    private const int CodeInWiderField = 127;

    private readonly FlatTable[] _buffers;

    private TfLiteModel(FlatTable root)
    {
        _buffers = root.Tables(4);
        var subgraphs = root.Tables(2);
        if (subgraphs.Length == 0) throw new NabiException("it holds no graph");
        var main = subgraphs[0];
        Name = main.Text(4);
        Tensors = [.. main.Tables(0).Select((t, i) => ReadTensor(t, i))];
        Inputs = Indices(main.Numbers<int>(1), "an input", optional: false);
        Outputs = Indices(main.Numbers<int>(2), "an output", optional: false);
        var codes = root.Tables(1).Select(Code).ToArray();
        Operators = [.. main.Tables(3).Select((o, i) => ReadOperator(o, i, codes))];
    }

    /// <summary>The name of the main subgraph; often empty.</summary>
    public string Name { get; }

    /// <summary>All tensors of the main subgraph.</summary>
    public IReadOnlyList<TfLiteTensor> Tensors { get; }

    /// <summary>Indices of the tensors that are given.</summary>
    public IReadOnlyList<int> Inputs { get; }

    /// <summary>Indices of the tensors that are the result.</summary>
    public IReadOnlyList<int> Outputs { get; }

    /// <summary>The operators in the order in which they run.</summary>
    public IReadOnlyList<TfLiteOperator> Operators { get; }

    /// <summary>Reads a file's bytes.</summary>
    /// <exception cref="NabiException">They are damaged, or of another schema.</exception>
    public static TfLiteModel Read(byte[] bytes)
    {
        var root = new FlatBuffer(bytes).Root("TFL3"u8);
        return root.Int(0) is Schema ? new TfLiteModel(root) : throw new NabiException($"it has schema {(uint)root.Int(0)}; Nabi reads schema {Schema}, convert the model again");
    }

    private TfLiteTensor ReadTensor(FlatTable table, int index)
    {
        var name = table.Text(3);
        if (name.Length == 0) name = $"tensor_{index}";
        if (table.Table(6) is not null) throw new NabiException($"tensor '{name}' is stored sparse, which is not supported; convert the model without sparse weights");
        var shape = table.Numbers<int>(0);
        foreach (var dim in shape)
            if (dim < 0) throw new NabiException($"tensor '{name}' has a dimension of {dim}");
        var type = TfLiteTypes.Of(table.Byte(1), name);
        var format = table.Table(4) is { } quantization ? ReadFormat(quantization, name) : null;
        return new TfLiteTensor(name, type, shape, table.Numbers<int>(7), format, Data(unchecked((uint)table.Int(2)), type, shape, name));
    }

    private Tensor? Data(uint buffer, DType? type, int[] shape, string name)
    {
        if (buffer == 0) return null;
        if (buffer >= _buffers.Length) throw new NabiException($"tensor '{name}' keeps its data in buffer {buffer}, but there are {_buffers.Length}; the file is damaged");
        var table = _buffers[buffer];
        var bytes = table.Bytes(0);
        var (offset, size) = (table.Long(1), table.Long(2));
        if (bytes.IsEmpty && offset > 1) bytes = table.Buffer.Read((long)Math.Min(offset, long.MaxValue), (long)Math.Min(size, long.MaxValue));
        if (bytes.IsEmpty) return null;
        if (type is not { } dtype) throw new NabiException($"tensor '{name}' holds data of a type that is not supported");
        var elements = shape.Aggregate((Int128)1, (count, dim) => count > int.MaxValue ? count : count * dim);
        if (elements > int.MaxValue || dtype.Bytes((long)elements) != bytes.Length)
            throw new NabiException($"tensor '{name}' of [{string.Join(", ", shape)}] {dtype} does not fit its {bytes.Length} bytes of data; the file is damaged");
        table.Buffer.Spend(bytes.Length);
        return Tensor.Over(dtype, Shape.Create(shape), bytes.ToArray());
    }

    private static TfLiteFormat? ReadFormat(FlatTable table, string name)
    {
        var (scales, zeros) = (table.Numbers<float>(2), table.Numbers<long>(3));
        if (table.Table(5) is not null) throw new NabiException($"tensor '{name}' is quantized in a way of its own (custom quantization), which is not supported");
        if (scales.Length == 0) return null;
        if (zeros.Length == 0) zeros = [0];
        if (zeros.Length != scales.Length && zeros.Length != 1) throw new NabiException($"tensor '{name}' has {scales.Length} scales and {zeros.Length} zero points; the file is damaged");
        foreach (var scale in scales)
            if (!(scale > 0) || !float.IsFinite(scale)) throw new NabiException($"tensor '{name}' has the scale {scale}, which must be positive and finite");
        return new TfLiteFormat(scales, zeros, table.Int(6));
    }

    private static (string Name, bool IsCustom, int Version) Code(FlatTable table)
    {
        var old = table.Byte(0);
        var code = Math.Max(old, table.Int(3));
        return code == TfLiteOperatorNames.Custom ? (table.Text(1), true, table.Int(2, 1))
            : (TfLiteOperatorNames.Of(old < CodeInWiderField ? Math.Max((int)old, code) : code), false, table.Int(2, 1));
    }

    private TfLiteOperator ReadOperator(FlatTable table, int index, (string Name, bool IsCustom, int Version)[] codes)
    {
        var code = unchecked((uint)table.Int(0));
        if (code >= codes.Length) throw new NabiException($"operator {index} is of kind {code}, but there are {codes.Length}; the file is damaged");
        var (name, isCustom, version) = codes[code];
        return new TfLiteOperator(index, name, isCustom, version, Indices(table.Numbers<int>(1), $"operator {index} ({name})", optional: true),
            Indices(table.Numbers<int>(2), $"operator {index} ({name})", optional: false), table.Table(4));
    }

    private int[] Indices(int[] indices, string what, bool optional)
    {
        foreach (var index in indices)
            if (index < (optional ? -1 : 0) || index >= Tensors.Count) throw new NabiException($"{what} names tensor {index}, but there are {Tensors.Count}; the file is damaged");
        return indices;
    }
}

/// <summary>A tensor of a TensorFlow Lite file.</summary>
/// <param name="Name">Its name; the index stands for an empty one.</param>
/// <param name="Type">Element type; null for one Nabi does not have, which matters only if the tensor is used.</param>
/// <param name="Dims">Dimensions, those that are open given as 1.</param>
/// <param name="Signature">Dimensions with -1 for those that are open; empty when none is.</param>
/// <param name="Format">What its integers stand for; null when they stand for themselves.</param>
/// <param name="Data">A constant's elements, else null.</param>
internal sealed record TfLiteTensor(string Name, DType? Type, int[] Dims, int[] Signature, TfLiteFormat? Format, Tensor? Data)
{
    /// <summary>The shape, open dimensions unknown.</summary>
    public Shape Shape => Signature.Length == Dims.Length && Data is null
        ? Shape.Create(Array.ConvertAll([.. Enumerable.Range(0, Dims.Length)], i => Signature[i] < 0 ? Shape.Unknown : Dims[i])) : Shape.Create(Dims);

    /// <summary>Do its integers stand for real numbers? Biases of 32 and 64 bits do, too, but only layers know that.</summary>
    public bool IsQuantized => Format is not null && Type is DType.Int8 or DType.UInt8 or DType.Int16 or DType.UInt16 or DType.Int4;
}

/// <summary>real = scale (stored - zero point), per tensor or along an axis.</summary>
/// <param name="Scales">One, or one per slice.</param>
/// <param name="ZeroPoints">As many, or one for all.</param>
/// <param name="Axis">The axis of several.</param>
internal sealed record TfLiteFormat(float[] Scales, long[] ZeroPoints, int Axis)
{
    /// <summary>Do both stand for the same real numbers?</summary>
    public static bool AreEqual(TfLiteTensor a, TfLiteTensor b) => a.Type == b.Type && (a.Format is null || b.Format is null ? a.Format == b.Format
        : a.Format.Scales.AsSpan().SequenceEqual(b.Format.Scales) && a.Format.ZeroPoints.AsSpan().SequenceEqual(b.Format.ZeroPoints));
}

/// <summary>An operator of a TensorFlow Lite file.</summary>
/// <param name="Index">Its place in the order.</param>
/// <param name="Name">Builtin operators as in <see cref="TfLiteOperatorNames"/>, others as the file calls them.</param>
/// <param name="IsCustom">Is it none of the builtin operators?</param>
/// <param name="Version">The version of the operator's definition.</param>
/// <param name="Inputs">Tensors read; -1 where an optional one is left out.</param>
/// <param name="Outputs">Tensors made.</param>
/// <param name="Options">Attributes, or null.</param>
internal sealed record TfLiteOperator(int Index, string Name, bool IsCustom, int Version, int[] Inputs, int[] Outputs, FlatTable? Options);

/// <summary>Element types by the schema's numbers.</summary>
internal static class TfLiteTypes
{
    /// <summary>The element type with a number; null for those Nabi does not have.</summary>
    /// <exception cref="NabiException">There is no such number.</exception>
    public static DType? Of(int number, string tensor) => number switch
    {
        0 => DType.Float32,
        1 => DType.Float16,
        2 => DType.Int32,
        3 => DType.UInt8,
        4 => DType.Int64,
        6 => DType.Bool,
        7 => DType.Int16,
        9 => DType.Int8,
        10 => DType.Float64,
        12 => DType.UInt64,
        15 => DType.UInt32,
        16 => DType.UInt16,
        17 => DType.Int4,
        5 or 8 or 11 or 13 or 14 => null,
        _ => throw new NabiException($"tensor '{tensor}' has element type {number}, which does not exist; the file is damaged or newer than Nabi"),
    };
}
