using Nabi.Ops;

namespace Nabi.Formats;

/// <summary>
/// The tensors of a file as values of the graph that is built. Layouts are not decided once for all: an operator asks for the layout it works in, and what
/// is not there in it is transposed. Images stay [N, C, H, W] from operator to operator that way, constants are transposed while reading.
/// </summary>
internal sealed class TfLiteValues
{
    private static readonly int[] ToChannelsFirst = [0, 3, 1, 2];
    private static readonly int[] ToFiled = [0, 2, 3, 1];

    private readonly Dictionary<(TfLiteValue Tensor, string Order), Value> _weights = [];
    private readonly Dictionary<(float Scale, long Zero, DType Type), (Value Scale, Value Zero)> _grids = [];

    /// <summary>Starts with the tensors of a file.</summary>
    public TfLiteValues(IEnumerable<TfLiteTensor> tensors, GraphBuilder builder) => (All, Builder) = ([.. tensors.Select(t => new TfLiteValue(t))], builder);

    /// <summary>Every tensor, by its index in the file.</summary>
    public IReadOnlyList<TfLiteValue> All { get; }

    /// <summary>The graph that is built.</summary>
    public GraphBuilder Builder { get; }

    /// <summary>The axis in a layout that is axis <paramref name="axis"/> of four in the file.</summary>
    public static int AxisIn(ImageLayout layout, int axis) => layout == ImageLayout.Filed ? axis : ToFiled[axis];

    /// <summary>Something given per axis of the file, in the order of a layout.</summary>
    public static T[] InOrder<T>(ImageLayout layout, T[] perAxis) =>
        layout == ImageLayout.Filed ? perAxis : Array.ConvertAll(ToChannelsFirst, axis => perAxis[axis]);

    /// <summary>A name for what belongs to a tensor: of several joined by semicolons, as fused layers have them, the first.</summary>
    public static string NameOf(TfLiteTensor tensor) => tensor.Name.Split(';', 2)[0];

    /// <summary>Applies an operator; small results that are known while reading become constants.</summary>
    public IReadOnlyList<Value> Apply(Op op, string name, int outputs, ReadOnlySpan<Value?> inputs)
    {
        var results = Builder.ApplyNamed(op, name, outputs, inputs);
        return ShapeFolding.TryFold(Builder.Nodes[^1]) is { } folded ? [.. folded.Select((t, i) => Builder.Constant(t, $"{results[i].Name}.value"))] : results;
    }

    /// <summary>The stored numbers of a tensor.</summary>
    public Value Stored(TfLiteValue tensor, ImageLayout layout)
    {
        ref var value = ref tensor.Stored(layout);
        if (value is not null) return value;
        if (tensor.Data is { } data)
            return value = Builder.Constant(layout == ImageLayout.Filed ? data : Permuted(data, ToChannelsFirst), NameOf(tensor.Tensor));
        if (tensor.Stored(Other(layout)) is { } other) return value = Moved(other, layout, NameOf(tensor.Tensor));
        if (!tensor.Tensor.IsQuantized) return value = Real(tensor, layout);
        if (tensor.Weights is not null) throw new NabiException($"tensor '{tensor.Tensor.Name}' is asked for as integers, which it does not have");
        throw new NabiException($"it reads tensor '{tensor.Tensor.Name}', which nothing makes");
    }

    /// <summary>The real numbers of a tensor.</summary>
    /// <param name="tensor">The tensor.</param>
    /// <param name="layout">The order of its axes.</param>
    /// <param name="trainable">Is it in a place where a constant is a weight that training changes?</param>
    public Value Real(TfLiteValue tensor, ImageLayout layout, bool trainable = false)
    {
        ref var value = ref tensor.Real(layout);
        if (value is not null) return value;
        var name = NameOf(tensor.Tensor);
        if (tensor.Weights is { } || tensor.Data is { DType: DType.Float16 }) return value = Weights(tensor, layout == ImageLayout.Filed ? null : ToChannelsFirst);
        if (tensor.Tensor.IsQuantized) return value = Dequantized(Stored(tensor, layout), tensor.Tensor, layout, $"{name}.dequantize");
        if (tensor.Data is { DType: DType.Float32 } data && trainable && tensor.Stored(layout) is null)
            return value = tensor.Stored(layout) = Builder.Parameter(name, layout == ImageLayout.Filed ? data : Permuted(data, ToChannelsFirst));
        if (tensor.Data is null && tensor.Stored(layout) is null)
        {
            var other = tensor.Real(Other(layout)) ?? tensor.Stored(Other(layout)) ?? throw new NabiException($"it reads tensor '{tensor.Tensor.Name}', which nothing makes");
            return value = tensor.Stored(layout) = Moved(other, layout, name);
        }
        return value = Stored(tensor, layout);
    }

    /// <summary>Says what a tensor's real numbers are; a quantized one stores them rounded, and that is what later operators read.</summary>
    public void Define(TfLiteValue tensor, Value real, ImageLayout layout)
    {
        if (tensor.Tensor.IsQuantized) DefineStored(tensor, Quantized(real, tensor.Tensor), layout);
        else (tensor.Real(layout), tensor.Stored(layout), tensor.Data) = (real, real, layout == ImageLayout.Filed ? real.Constant : null);
    }

    /// <summary>Says what a tensor's stored numbers are.</summary>
    public void DefineStored(TfLiteValue tensor, Value stored, ImageLayout layout)
    {
        tensor.Stored(layout) = stored;
        if (layout == ImageLayout.Filed) tensor.Data = stored.Constant;
        if (!tensor.Tensor.IsQuantized) tensor.Real(layout) = stored;
    }

    /// <summary>Real numbers rounded to a tensor's grid.</summary>
    public Value Quantized(Value real, TfLiteTensor tensor)
    {
        var (scale, zero) = Grid(tensor);
        return Builder.ApplyNamed(new QuantizeLinear(), $"{NameOf(tensor)}.quantize", 1, [real, scale, zero])[0];
    }

    /// <summary>
    /// The real numbers of a constant with its axes in another order. Integers and 16-bit floats stay stored as they are; integers without sign are moved into
    /// the range of those with sign, which the integer kernels take.
    /// </summary>
    /// <param name="tensor">A constant, or DEQUANTIZE of one.</param>
    /// <param name="order">Axis i of the result is axis order[i] of the file; null for no change.</param>
    /// <param name="change">Applied to the elements before that, for example another shape, and what to call it.</param>
    /// <param name="name">Name of the value; the tensor's when null.</param>
    public Value Weights(TfLiteValue tensor, int[]? order, (string Name, Func<Tensor, Tensor> Of)? change = null, string? name = null)
    {
        var key = (tensor, $"{string.Join(',', order ?? [])}{change?.Name}");
        if (_weights.TryGetValue(key, out var known)) return known;
        var source = tensor.Weights ?? tensor;
        name ??= NameOf(source.Tensor);
        if (source.Data is not { } data)
            return _weights[key] = order is null ? Real(tensor, ImageLayout.Filed) : Apply(new Transpose { Perm = order }, $"{name}.transpose", 1, [Real(tensor, ImageLayout.Filed)])[0];
        if (change is { } changed) data = changed.Of(data);
        if (order is not null) data = Permuted(data, order);
        if (!source.Tensor.IsQuantized)
        {
            var parameter = Builder.Parameter(name, data, data.DType == DType.Float32);
            return _weights[key] = data.DType == DType.Float16 ? Builder.ApplyNamed(new Cast(DType.Float32), $"{name}.float", 1, [parameter])[0] : parameter;
        }
        var format = source.Tensor.Format!;
        var shift = data.DType == DType.UInt8 ? 128 : 0;
        if (shift > 0) data = Shifted(data);
        var zeros = Array.ConvertAll(format.ZeroPoints, z => z - shift);
        return _weights[key] = Dequantized(Builder.Constant(data, $"{name}.int"), format with { ZeroPoints = zeros }, order is null ? format.Axis : Array.IndexOf(order, format.Axis), name);
    }

    /// <summary>A bias: floats, or integers of 32 bits with scales of their own; those of 64 bits become floats.</summary>
    public Value Bias(TfLiteValue tensor, string name)
    {
        if (tensor.Data is null && tensor.Weights is null) return Real(tensor, ImageLayout.Filed);
        if (tensor.Data is not { DType: DType.Int32 or DType.Int64 } data || tensor.Tensor.Format is not { } format) return Weights(tensor, null, name: name);
        var key = (tensor, "bias");
        if (_weights.TryGetValue(key, out var known)) return known;
        if (format.Scales.Length != 1 && format.Scales.Length != data.Count)
            throw new NabiException($"the bias '{tensor.Tensor.Name}' has {format.Scales.Length} scales for {data.Count} numbers");
        if (data.DType == DType.Int32) return _weights[key] = Dequantized(Builder.Constant(data, $"{name}.int"), format with { ZeroPoints = [0] }, 0, name);
        var integers = data.ToInt64();
        return _weights[key] = Builder.Parameter(name, Tensor.Vector<float>([.. integers.Select((n, i) => (float)(n * (double)format.Scales[i % format.Scales.Length]))]));
    }

    /// <summary>A tensor with its axes in another order.</summary>
    public static Tensor Permuted(Tensor tensor, int[] order)
    {
        if (tensor.Shape.Rank != order.Length) throw new NabiException($"a constant of shape {tensor.Shape} stands where {order.Length} dimensions are needed");
        var wide = tensor.DType == DType.Int4 ? tensor.Cast(DType.Int8) : tensor;
        return new Transpose { Perm = order }.Evaluate(new EvalContext([wide], 1, new Rng(0)))[0].Cast(tensor.DType);
    }

    private static ImageLayout Other(ImageLayout layout) => layout == ImageLayout.Filed ? ImageLayout.ChannelsFirst : ImageLayout.Filed;

    private static Tensor Shifted(Tensor bytes)
    {
        var result = Tensor.Empty(DType.Int8, bytes.Shape);
        for (var i = 0; i < bytes.Count; i++) result.Bytes[i] = (byte)(bytes.Bytes[i] - 128);
        return result;
    }

    // Where only axes of one element change places, the elements stay as they are.
    private Value Moved(Value x, ImageLayout to, string name)
    {
        if (!x.Shape.IsRanked || x.Shape.Rank != 4) throw new NabiException($"a tensor of shape {x.Shape} stands where images with 4 dimensions are needed");
        var order = to == ImageLayout.ChannelsFirst ? ToChannelsFirst : ToFiled;
        var (pixels, channels) = to == ImageLayout.ChannelsFirst ? ((x.Shape[1], x.Shape[2]), x.Shape[3]) : ((x.Shape[2], x.Shape[3]), x.Shape[1]);
        if ((channels != 1 && pixels != (1, 1)) || Array.Exists(order[1..], axis => x.Shape[axis] == Shape.Unknown))
            return Apply(new Transpose { Perm = order }, $"{name}.transpose", 1, [x])[0];
        return Apply(new Reshape(), $"{name}.reshape", 1, [x, Builder.Integers([0, .. order[1..].Select(axis => (long)x.Shape[axis])])])[0];
    }

    private Value Dequantized(Value stored, TfLiteTensor tensor, ImageLayout layout, string name)
    {
        if (tensor.Format!.Scales.Length > 1) return Dequantized(stored, tensor.Format, AxisIn(layout, tensor.Format.Axis), name);
        var (scale, zero) = Grid(tensor);
        return Builder.ApplyNamed(new DequantizeLinear(), name, 1, [stored, scale, zero])[0];
    }

    private Value Dequantized(Value stored, TfLiteFormat format, int axis, string name)
    {
        var scales = format.Scales;
        if (scales.Length > 1 && (axis < 0 || axis >= stored.Shape.Rank || stored.Shape[axis] != scales.Length))
            throw new NabiException($"'{name}' of shape {stored.Shape} has {scales.Length} scales along axis {axis}");
        var zeros = format.ZeroPoints.AsSpan().ContainsAnyExcept(0)
            ? Tensor.Vector<long>([.. scales.Select((_, i) => format.ZeroPoints[i % format.ZeroPoints.Length])]).Cast(stored.DType) : null;
        return Builder.ApplyNamed(new DequantizeLinear { Axis = scales.Length > 1 ? axis : 1 }, name, 1,
        [
            stored,
            Builder.Constant(scales.Length > 1 ? Tensor.Vector<float>(scales) : Tensor.Scalar(scales[0]), $"{name}.unit"),
            zeros is null ? null : Builder.Constant(scales.Length > 1 ? zeros : zeros.Reshape(Shape.Scalar), $"{name}.zero"),
        ])[0];
    }

    // Tensors on the same grid share its constants, so that whoever looks sees that they do.
    private (Value Scale, Value Zero) Grid(TfLiteTensor tensor)
    {
        if (tensor.Format is not { Scales: [var scale], ZeroPoints: [var zero] } || tensor.Type is not { } type || type == DType.Int4)
            throw new NabiException($"tensor '{tensor.Name}' is quantized along an axis, or to 4 bits; for activations that is not supported");
        if (_grids.TryGetValue((scale, zero, type), out var grid)) return grid;
        if (zero < Affine.Limits(type).Min || zero > Affine.Limits(type).Max) throw new NabiException($"tensor '{tensor.Name}' has the zero point {zero}, which {type} does not hold");
        var name = NameOf(tensor);
        return _grids[(scale, zero, type)] = (Builder.Constant(Tensor.Scalar(scale), $"{name}.unit"), Builder.Constant(Tensor.Scalar(zero).Cast(type), $"{name}.zero"));
    }
}
